#include "tools/rbldnsd_front.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "zones/config.h"

namespace rbld {
namespace {

using Strings = std::vector<std::string>;

FrontOptions Parse(const Strings& arguments) {
  const absl::StatusOr<FrontOptions> options = ParseFrontArguments(arguments);
  EXPECT_TRUE(options.ok()) << options.status();
  return options.ok() ? *options : FrontOptions();
}

std::string ErrorOf(const Strings& arguments) {
  const absl::StatusOr<FrontOptions> options = ParseFrontArguments(arguments);
  return options.ok() ? "ok" : std::string(options.status().message());
}

TEST(FrontArguments, AreReadAsGetoptReadsThem) {
  const FrontOptions options = Parse({"-neq",      "-urbldns:adm",
                                      "-r",        "/jail",
                                      "-w",        "data",
                                      "-t",        "5m::1h",
                                      "-c2m",      "-p/run/pid",
                                      "-s",        "+stats",
                                      "-a",        "-6",
                                      "-vv",       "-C",
                                      "-f",        "-b",
                                      "::1/5300",  "-b",
                                      "127.0.0.1", "A.Example.:ip4set:x,y",
                                      ":acl:who"});
  EXPECT_TRUE(options.foreground && options.host_bits && options.quick);
  EXPECT_EQ(options.user, "rbldns:adm");
  EXPECT_EQ(options.root, "/jail");
  EXPECT_EQ(options.work, "data");
  EXPECT_EQ(options.ttl, (TtlLimits{300, 0, 3600}));
  EXPECT_EQ(options.check_seconds, 120);
  EXPECT_EQ(options.pid_file, "/run/pid");
  EXPECT_EQ(options.stats_file, "stats");
  EXPECT_TRUE(options.stats_deltas);
  EXPECT_FALSE(options.ns_in_answers);
  EXPECT_FALSE(options.decompress);
  EXPECT_EQ(options.family, AF_INET6);
  EXPECT_EQ(options.hide_version, 2);
  EXPECT_EQ(options.binds, (Strings{"::1/5300", "127.0.0.1"}));
  ASSERT_EQ(options.zones.size(), 2u);
  EXPECT_EQ(options.zones[0].zone, "a.example");
  EXPECT_EQ(options.zones[0].files, (Strings{"x", "y"}));
  EXPECT_EQ(options.zones[1].zone, "");
}

TEST(FrontArguments, StandBehindZonesToo) {
  const FrontOptions options =
      Parse({"a.test:ip4set:x", "-d", "b.test:dnset:y", "-u", "rbldns", "-4"});
  EXPECT_TRUE(options.dump);
  EXPECT_EQ(options.user, "rbldns");
  EXPECT_EQ(options.family, AF_INET);
  ASSERT_EQ(options.zones.size(), 2u);
  EXPECT_EQ(options.zones[1].zone, "b.test");
}

TEST(FrontArguments, EndAtTwoHyphensAndWherePosixEndsThem) {
  EXPECT_NE(ErrorOf({"-d", "--", "a.test:ip4set:x", "-v"}).find("\"-v\""),
            std::string::npos);
  EXPECT_NE(ErrorOf({"-d", "-", "a.test:ip4set:x"}).find("\"-\""),
            std::string::npos);
  setenv("POSIXLY_CORRECT", "1", 1);
  const std::string error = ErrorOf({"-d", "a.test:ip4set:x", "-v"});
  unsetenv("POSIXLY_CORRECT");
  EXPECT_NE(error.find("\"-v\""), std::string::npos) << error;
}

TEST(FrontArguments, NeedNoAddressWhenSocketsArePassed) {
  EXPECT_TRUE(ParseFrontArguments({"a.test:ip4set:x"}, true).ok());
  EXPECT_NE(ErrorOf({"a.test:ip4set:x"}).find("(-b)"), std::string::npos);
}

// Each is refused by Debian's rbldnsd, too.
TEST(FrontArguments, ValuesThatRbldnsdRefuses) {
  for (const Strings& values :
       {Strings{"-t", "0"}, Strings{"-t", ""}, Strings{"-t", "60:120"},
        Strings{"-t", "60::30"}, Strings{"-F", "bogus"}, Strings{"-c", "x"},
        Strings{"-u", ""}, Strings{".:ip4set:x"}}) {
    Strings arguments = {"-b", "127.0.0.1", "a.test:ip4set:x"};
    arguments.insert(arguments.end(), values.begin(), values.end());
    EXPECT_NE(ErrorOf(arguments), "ok") << values.back();
  }
  EXPECT_EQ(ErrorOf({"-t", "60:0:0", "-F", "local3", "-d", "a.test:ip4set:x"}),
            "ok");
}

TEST(FrontArguments, MistakesAreNamed) {
  EXPECT_NE(ErrorOf({"z:ip4set:f"}).find("(-b)"), std::string::npos);
  EXPECT_NE(ErrorOf({"-b", "::1"}).find("no zone"), std::string::npos);
  EXPECT_NE(ErrorOf({"-b", "::1", ":acl:f"}).find("no zone"),
            std::string::npos);
  EXPECT_NE(ErrorOf({"-b", "::1", "z:ip4set"}).find("\"z:ip4set\""),
            std::string::npos);
  EXPECT_NE(ErrorOf({"-b"}).find("-b needs a value"), std::string::npos);
  EXPECT_NE(ErrorOf({"-t", "1:2:3:4"}).find("DEFAULT:MIN:MAX"),
            std::string::npos);
  // A dump needs no address.
  EXPECT_TRUE(ParseFrontArguments({"-d", "z:ip4set:f"}).ok());
}

TEST(FrontBind, ResolvesAddressesAndPorts) {
  EXPECT_EQ(*ResolveBind("127.0.0.1/5300", 0), Strings{"127.0.0.1:5300"});
  EXPECT_EQ(*ResolveBind("::1", 0), Strings{"[::1]:53"});
  EXPECT_EQ(*ResolveBind("127.0.0.1/domain", 0), Strings{"127.0.0.1:53"});
  EXPECT_FALSE(ResolveBind("127.0.0.1", AF_INET6).ok());
  EXPECT_FALSE(ResolveBind("no such host", 0).ok());
}

TEST(FrontConfig, IsAConfigurationOfRbld) {
  const FrontOptions options =
      Parse({"-b", "127.0.0.1/5300", "-t", "60", "a.test:ip4set:one,two",
             "b.test:ip4set:one,two", "b.test:generic:ge\"n", ":acl:who"});
  const std::string text = FrontConfig(options, {"127.0.0.1:5300"});
  const absl::StatusOr<Config> config = ParseConfig(text, "command line");
  ASSERT_TRUE(config.ok()) << config.status() << "\n" << text;
  ASSERT_EQ(config->zones.size(), 2u);
  // The dataset that both name is there once.
  ASSERT_EQ(config->datasets.size(), 3u);
  EXPECT_EQ(config->datasets[0].lists.size(), 2u);
  EXPECT_EQ(config->datasets[0].spec.ttl.default_seconds, 60u);
  EXPECT_EQ(config->datasets[1].spec.files, Strings{"ge\"n"});
  EXPECT_EQ(config->zones[0].datasets, (Strings{"ip4set:one,two", "acl:who"}));
  EXPECT_EQ(config->zones[1].datasets,
            (Strings{"ip4set:one,two", "generic:ge\"n", "acl:who"}));
  EXPECT_TRUE(config->zones[0].ns_in_answers);
  EXPECT_TRUE(config->zones[0].ipv4_in_ipv6);
  EXPECT_EQ(config->version, "rbldnsd 1.0 (rbld)");
}

TEST(FrontConfig, TellsAsMuchOfItsVersionAsItMay) {
  const auto version = [](std::vector<std::string> arguments) {
    for (const char* more : {"-b", "127.0.0.1", "a.test:ip4set:one"}) {
      arguments.push_back(more);
    }
    return ParseConfig(FrontConfig(Parse(arguments), {"127.0.0.1:53"}), "x")
        ->version;
  };
  EXPECT_EQ(version({"-v"}), "rbldnsd");
  EXPECT_EQ(version({"-v", "-v"}), "");
}

}  // namespace
}  // namespace rbld
