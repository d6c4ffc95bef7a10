// Macros that tell clang which lock guards what. `bazel build
// --config=threadsafety` checks them; other compilers see nothing.
#ifndef RBLD_BASE_THREAD_ANNOTATIONS_H_
#define RBLD_BASE_THREAD_ANNOTATIONS_H_

#if defined(__clang__)
#define RBLD_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define RBLD_THREAD_ATTRIBUTE(x)
#endif

#define RBLD_CAPABILITY(x) RBLD_THREAD_ATTRIBUTE(capability(x))
#define RBLD_SCOPED_CAPABILITY RBLD_THREAD_ATTRIBUTE(scoped_lockable)
#define RBLD_GUARDED_BY(x) RBLD_THREAD_ATTRIBUTE(guarded_by(x))
#define RBLD_PT_GUARDED_BY(x) RBLD_THREAD_ATTRIBUTE(pt_guarded_by(x))
#define RBLD_REQUIRES(...) \
  RBLD_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define RBLD_EXCLUDES(...) RBLD_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define RBLD_ACQUIRE(...) RBLD_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define RBLD_RELEASE(...) RBLD_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define RBLD_TRY_ACQUIRE(...) \
  RBLD_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define RBLD_NO_THREAD_SAFETY_ANALYSIS \
  RBLD_THREAD_ATTRIBUTE(no_thread_safety_analysis)

#endif  // RBLD_BASE_THREAD_ANNOTATIONS_H_
