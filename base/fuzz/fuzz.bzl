"""A fuzzer's two programs."""

def fuzz_target(name, deps, corpus = "corpus", step = 1, size = "medium"):
    """From NAME_fuzzer.cc, which defines FuzzOne (base/fuzz/fuzz_target.h).

    NAME_fuzzer is libFuzzer's program; `bazel run //tests/fuzz:run` builds and
    runs it. NAME_corpus_test replays the corpus.

    Args:
      name: what is fuzzed.
      deps: of NAME_fuzzer.cc.
      corpus: the folder of the inputs that are kept.
      step: the test cuts and changes each input at every step-th byte.
      size: of the test.
    """
    sources = [name + "_fuzzer.cc"]
    deps = deps + ["//base/fuzz:fuzz_target"]
    native.cc_binary(
        name = name + "_fuzzer",
        testonly = True,
        srcs = sources + ["//base/fuzz:libfuzzer.cc"],
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = deps,
    )
    native.cc_test(
        name = name + "_corpus_test",
        size = size,
        srcs = sources + ["//base/fuzz:corpus_test.cc"],
        data = native.glob([corpus + "/*"]),
        env = {
            "RBLD_CORPUS": native.package_name() + "/" + corpus,
            "RBLD_CORPUS_STEP": str(step),
        },
        deps = depset(deps + [
            "//base:file_util",
            "//third_party:absl",
            "//third_party:gtest_main",
        ]).to_list(),
    )
