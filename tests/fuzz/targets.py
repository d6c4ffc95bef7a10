"""The fuzzers, what they cover, and a bug for each that it must find.

A planted bug is a read behind the end of an array, for a rare shape of what is
read, which no kept input has. It is written into a copy of the tree only.
"""

import collections

Target = collections.namedtuple("Target", "name label corpus parsers plant")
# `skip`: a regular expression of functions that read nothing.
Parser = collections.namedtuple("Parser", "path skip")
# `condition` goes in before `anchor`, which stands once in the file.
Plant = collections.namedtuple("Plant", "path anchor condition")

MIN_COVERAGE = 0.95


def _parsers(*paths):
    return tuple(Parser(path, "") for path in paths)


TARGETS = (
    Target(
        "dataset_reader", "//zones/rbldnsd:dataset_reader_fuzzer",
        "zones/rbldnsd/corpus",
        _parsers(*("zones/rbldnsd/%s.cc" % name for name in (
            "dataset_reader", "entry", "entry_parameters", "generic_record",
            "specials", "timestamp", "values"))) + (
                Parser("zones/rbldnsd/dataset_type.cc", "DatasetTypeName"),),
        Plant("zones/rbldnsd/generic_record.cc",
              "  std::string rdata = {static_cast<char>(preference >> 8),",
              "preference > 999")),
    Target(
        "dataset", "//zones/rbldnsd:dataset_fuzzer", "zones/rbldnsd/corpus",
        # To open a file is no parsing.
        _parsers("zones/rbldnsd/section_head.cc", "zones/line_reader.cc") + (
            Parser("zones/rbldnsd/file_dataset.cc", "4Open"),),
        Plant("zones/rbldnsd/section_head.cc",
              "  if (head.subzones.empty()) {\n",
              "head.subzones.size() > 3 && head.type == DatasetType::kDnset")),
    Target(
        "feed", "//zones:feed_fuzzer", "zones/corpus/feed",
        _parsers("zones/json_feed.cc", "zones/plain_feed.cc",
                 "zones/rbldnsd_feed.cc", "zones/decompress.cc") + (
                     Parser("zones/feed_reader.cc", "PrecedenceOf"),),
        Plant("zones/plain_feed.cc",
              "    if (!written->ascii.empty()) {\n",
              "written->target.reversed_wire().size() == 37")),
    Target(
        "written_target", "//zones:written_target_fuzzer",
        "zones/corpus/written_target",
        (Parser("zones/written_target.cc", ""),
         Parser("store/target.cc", "Key|OfPrefix")),
        Plant("zones/written_target.cc",
              "  if (code == IDN2_OK) return std::string(ascii);\n",
              "code == IDN2_OK && name.size() == 13")),
    Target(
        "json_lines", "//zones:json_lines_fuzzer", "zones/corpus/json_lines",
        _parsers("zones/json_lines.cc"),
        Plant("zones/json_lines.cc",
              "  if (!object.contains(\"code\")) return Bad(",
              "value.ttl_seconds > 999")),
    Target(
        "duration", "//zones:duration_fuzzer", "zones/corpus/duration",
        _parsers("zones/duration.cc"),
        Plant("zones/duration.cc",
              "    total_seconds += number * unit_seconds;\n",
              "number > 1000 && unit_seconds == 60 && start > 2")),
    Target(
        "name", "//dns:name_fuzzer", "dns/corpus/name",
        _parsers("dns/name.cc", "dns/reversed_name.cc"),
        Plant("dns/name.cc",
              "        if (number > 255) return BadName(",
              "number == 213 && label.size() == 5 && wire.size() > 2")),
    Target(
        "response", "//dns:response_fuzzer", "dns/corpus/response",
        _parsers("dns/response_reader.cc"),
        Plant("dns/response_reader.cc",
              "    if (!TakeRdata(end, &record) || at_ != end) {\n",
              "record.type == 15 && rdata_bytes > 40")),
    Target(
        "frame", "//tools/compare:frame_fuzzer", "tools/compare/corpus",
        _parsers("tools/compare/frame.cc"),
        Plant("tools/compare/frame.cc",
              "  if (payload_bytes != 0) bytes->Limit(payload_bytes);\n",
              "payload_bytes > 3000 && payload_bytes < 9000")),
    Target(
        "answer", "//server:answer_fuzzer", "server/corpus",
        _parsers("dns/query.cc"),
        Plant("dns/query.cc",
              "  query->has_edns = true;\n",
              "rdata_bytes > 40 && query->type == 16")),
    Target(
        "json", "//control:json_fuzzer", "control/corpus/json",
        (Parser("control/json.cc", "Pretty"),
         Parser("control/time_text.cc", "Format"),
         Parser("control/json_codec.cc",
                "ToJson|TimeToJson|PrecedenceName|OutcomeWord"),
         Parser("control/relay_codec_read.cc", "")),
        Plant("control/json_codec.cc",
              "  if (change.list.empty()) {\n",
              "change.list.size() == 5")),
    Target(
        "query_reader", "//control:query_reader_fuzzer", "control/corpus/query",
        _parsers("control/query_reader.cc"),
        Plant("control/query_reader.cc",
              "  *value = number;\n",
              "number < 10 && query_.size() == 4 && "
              "query_.count(\"flag\") == 0")),
    Target(
        "http", "//control:http_fuzzer", "control/corpus/http",
        # Reading and writing bytes, and waiting for them, is no parsing.
        (Parser("control/http_connection.cc",
                "Interrupt|Wait|is_readable|4read|5write|_ip_and_port"),),
        Plant("control/http_connection.cc",
              "  std::string kept;\n",
              "std::count(head.begin(), head.end(), '\\n') > 12")),
    Target(
        "dialogue", "//relay:dialogue_fuzzer", "relay/corpus/dialogue",
        _parsers("relay/reply_reader.cc", "relay/dialogue.cc"),
        Plant("relay/reply_reader.cc",
              "  const char separator = line_.size() > 3",
              "code == 251 && line_.size() > 5")),
    Target(
        "catcher_session", "//relay:catcher_session_fuzzer",
        "relay/corpus/catcher",
        _parsers("relay/catcher_session.cc"),
        Plant("relay/catcher_session.cc",
              "  if (AnnouncedBytes(arguments) > kMaxCaughtBytes) {\n",
              "AnnouncedBytes(arguments) == 7")),
    Target(
        "received", "//mail:received_fuzzer", "mail/corpus/received",
        _parsers("mail/received.cc"),
        Plant("mail/received.cc",
              "    const size_t at = word.rfind(\"@[\");\n",
              "words.size() == 7 && word.size() == 7")),
    Target(
        "reported_mail", "//mail:reported_mail_fuzzer",
        "mail/corpus/reported_mail", _parsers("mail/reported_mail.cc"),
        Plant("mail/reported_mail.cc",
              "      mail->source = *address;\n",
              "address->bytes[0] == 77")),
)


def plant(text, bug):
    """`text`, the file bug.path, with the bug in it."""
    if text.count(bug.anchor) != 1:
        raise ValueError("%s: the planted bug's place is there %d times, not "
                         "once: %r" % (bug.path, text.count(bug.anchor),
                                       bug.anchor))
    code = ("{ static const char planted[8] = {};\n"
            "const volatile unsigned at = (%s) ? 8 : 0;\n"
            "if (planted[at] != 0) __builtin_trap(); }\n" % bug.condition)
    return text.replace(bug.anchor, code + bug.anchor)
