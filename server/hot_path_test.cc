// The hot path allocates nothing and takes no lock: counted, not believed.
//
// This binary has its own malloc and its kin, pthread_mutex_lock and syscall,
// which count what the thread under test calls and then do what the real ones
// do.

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dns/query_builder.h"
#include "gtest/gtest.h"
#include "server/answer.h"
#include "server/test_client.h"
#include "server/test_snapshot.h"
#include "server/udp_batch.h"

namespace {

// Of this thread only: the test's framework may have others.
thread_local bool counting = false;
thread_local long allocations = 0;
thread_local long locks = 0;

void CountAllocation() {
  if (counting) ++allocations;
}

void CountLock() {
  if (counting) ++locks;
}

}  // namespace

extern "C" {

// glibc's own names for the real ones.
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* pointer, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* pointer);

void* malloc(size_t size) {
  CountAllocation();
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  CountAllocation();
  return __libc_calloc(count, size);
}
void* realloc(void* pointer, size_t size) {
  CountAllocation();
  return __libc_realloc(pointer, size);
}
void* memalign(size_t alignment, size_t size) {
  CountAllocation();
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  CountAllocation();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
  CountAllocation();
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? ENOMEM : 0;
}
void free(void* pointer) {
  if (pointer != nullptr) CountAllocation();
  __libc_free(pointer);
}

int pthread_mutex_lock(pthread_mutex_t* mutex) {
  using Function = int (*)(pthread_mutex_t*);
  static Function real =
      reinterpret_cast<Function>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  CountLock();
  return real(mutex);
}

// Abseil and libstdc++ reach futex(2) through this.
long syscall(long number, ...) {
  using Function = long (*)(long, ...);
  static Function real =
      reinterpret_cast<Function>(dlsym(RTLD_NEXT, "syscall"));
  if (number == SYS_futex) CountLock();
  va_list arguments;
  va_start(arguments, number);
  long a[6];
  for (long& argument : a) argument = va_arg(arguments, long);
  va_end(arguments);
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

}  // extern "C"

namespace rbld {
namespace {

// Counts what happens on this thread while it lives.
class Counting {
 public:
  Counting() {
    allocations = 0;
    locks = 0;
    counting = true;
  }
  ~Counting() { counting = false; }
};

class HotPathTest : public ::testing::Test {
 protected:
  HotPathTest() {
    ZoneConfig zone = TestZone("rbl.example");
    zone.has_names = true;
    zone.lists = {"list", "second"};
    zone.records = {TestRecord("www.rbl.example", "A 192.0.2.80"),
                    TestRecord("rbl.example", "TXT hello")};
    ZoneConfig failed = TestZone("failed.example");
    failed.datasets = {"missing"};
    builder_.AddZone(failed);
    builder_.AddZone(zone)
        .Add("list", "10.0.0.0/8", {{0x7f000002, "see $", 0}})
        .Add("second", "10.1.0.0/16",
             {{0x7f000004, std::string(600, 'x') + "$", 9}})
        .Add("list", "2001:db8::/32", {{0x7f000002, "six $", 0}})
        .Add("list", ".spam.test", {{0x7f000002, "name $", 0}});
    // Watched files: every type of source, subzones and access lists.
    ZoneConfig files = TestZone("files.example");
    files.kind_from_files = true;
    files.ipv4_in_ipv6 = true;
    files.metadata_from_files = true;
    files.ns_in_answers = true;
    files.datasets = {"combined", "acl"};
    // Keys, values of the zone's own, entries that wait, mistakes.
    ZoneConfig keyed = TestZone("keyed.example");
    keyed.has_names = true;
    keyed.datasets = {"keys", "waiting"};
    keyed.list_values["list"] = {0x7f000009, "of the zone"};
    keyed.combining = Combining::kBitMask;
    keyed.over_quota = Value{0x7fffffff, "too many", 0};
    keyed.mistyped = Value{0x7ffffffc, "$ is no list", 0};
    builder_.AddZone(keyed)
        .AddDataset("keys", DatasetType::kAclKey,
                    ":pass\nalpha :pass @ quota=3/1d\nbeta :refuse\n")
        .AddDataset("waiting", DatasetType::kDnhash,
                    "later.test @ ts=1;delay=9w\nkeyed.test @ key=require\n");
    for (const char* name :
         {"4.3.2.10.", "4.3.2.10.alpha.", "4.3.2.10.beta.", "4.3.2.10.gamma.",
          "alpha.", "later.test.", "keyed.test.alpha.", "keyed.test."}) {
      for (const RrType type : {RrType::kA, RrType::kTxt, RrType::kAny}) {
        queries_.push_back(
            QueryBuilder()
                .Question(absl::StrCat(name, "keyed.example"), type)
                .message());
      }
    }
    // The quick path's: of one source, and of several.
    ZoneConfig several = TestZone("several.example");
    several.lists = {"list", "second"};
    builder_.AddZone(TestZone("quick.example")).AddZone(several);
    for (const char* name :
         {"44.3.2.10.quick.", "44.3.2.11.quick.", "44.3.1.10.several.",
          "44.3.2.10.several.", "44.3.2.11.several."}) {
      for (const RrType type : {RrType::kA, RrType::kTxt}) {
        for (const absl::string_view options :
             {absl::string_view(), absl::string_view("\0\12\0\0", 4)}) {
          queries_.push_back(QueryBuilder()
                                 .Question(absl::StrCat(name, "example"), type)
                                 .Opt(1232, 0, options)
                                 .message());
        }
      }
    }
    builder_.AddZone(files)
        .AddDataset("combined", DatasetType::kCombined,
                    "$SOA 1h a.example b.example 7 1h 1h 1w 5m\n"
                    "$NS 1d ns.example\n"
                    "$DATASET ip4set @ sub\n:2:see $\n10.0.0.0/8\n"
                    "$DATASET dnset @ sub deep.sub\n.spam.test name $\n"
                    "$DATASET generic @ sub\nwww A 192.0.2.1\n@ TXT hi\n")
        .AddDataset("acl", DatasetType::kAcl,
                    "127.0.0.2 :refuse\n127.0.0.3 :4:all $\n"
                    "127.0.0.4 :empty\n127.0.0.5 :ignore\n::/0 :pass\n");
    snapshot_ = builder_.SetVersion("x").Build();
    queries_.push_back(QueryBuilder()
                           .Question("version.bind", RrType::kTxt, kClassChaos)
                           .message());
    for (const char* name :
         {"", "sub.", "deep.sub.", "x.", "4.3.2.10.", "4.3.2.10.sub.", "www.",
          "www.sub.", "a.spam.test.", "a.spam.test.deep.sub.", "9.9.9.9.",
          "4.0.3.0.2.0.a.0.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.",
          "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.4.0.3.0.2.0.a.0.2.0.0.2."}) {
      for (const RrType type :
           {RrType::kA, RrType::kTxt, RrType::kNs, RrType::kAny}) {
        queries_.push_back(
            QueryBuilder()
                .Question(absl::StrCat(name, "files.example"), type)
                .message());
      }
    }
    // Every kind of outcome.
    for (const char* name :
         {"4.3.2.10", "4.3.1.10", "3.2.10", "77.10", "9.9.9.9", "2.0.0.127",
          "1.0.0.127", "a.spam.test", "spam.test", "test", "www", "b.www",
          "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2",
          "8.b.d.0.1.0.0.2"}) {
      for (const RrType type : {RrType::kA, RrType::kTxt, RrType::kAny,
                                RrType::kAaaa, RrType::kAxfr, RrType::kDs}) {
        queries_.push_back(
            QueryBuilder()
                .Question(absl::StrCat(name, ".rBl.example"), type)
                .message());
        queries_.push_back(
            QueryBuilder()
                .Question(absl::StrCat(name, ".rbl.example"), type)
                .Opt(4096, 0, "", true)
                .message());
      }
    }
    queries_.push_back(
        QueryBuilder().Question("rbl.example", RrType::kSoa).message());
    queries_.push_back(
        QueryBuilder().Question("rbl.example", RrType::kTxt).message());
    queries_.push_back(
        QueryBuilder().Question("other.example", RrType::kA).Opt().message());
    queries_.push_back(
        QueryBuilder(1, 0x2800).Question("rbl.example", RrType::kA).message());
    queries_.push_back(QueryBuilder()
                           .Question("rbl.example", RrType::kA)
                           .Opt()
                           .Opt()
                           .message());
    queries_.push_back(QueryBuilder()
                           .Question("rbl.example", RrType::kA)
                           .Opt(512, 3)
                           .message());
    // A zone whose data is not there.
    queries_.push_back(
        QueryBuilder().Question("x.failed.example", RrType::kA).message());
    queries_.push_back("short");
  }

  TestSnapshot builder_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<std::string> queries_;
  uint8_t out_[kTcpReplyBytes];
};

TEST_F(HotPathTest, TheCountersCount) {
  {
    Counting on;
    // Volatile, so that no compiler leaves the pair out.
    int* volatile number = new int(1);
    delete number;
    std::mutex mutex;
    mutex.lock();
    mutex.unlock();
    void* volatile bytes = malloc(100);
    free(bytes);
    ::syscall(SYS_futex, &locks, 1 /* FUTEX_WAKE */, 0, 0, 0, 0);
  }
  // An allocation counts when it is taken and when it is given back.
  EXPECT_EQ(4, allocations);
  EXPECT_EQ(2, locks);
}

TEST_F(HotPathTest, AnAllocationInAnAnswerWouldBeSeen) {
  Request request;
  request.message = reinterpret_cast<const uint8_t*>(queries_[0].data());
  request.message_bytes = queries_[0].size();
  Outcome outcome;
  {
    Counting on;
    Answer(*snapshot_, request, out_, &outcome);
    // What a careless change would do.
    const volatile std::string* volatile text = new std::string(100, 'x');
    delete text;
  }
  EXPECT_GT(allocations, 0);
}

TEST_F(HotPathTest, AnswerAllocatesNothingAndTakesNoLock) {
  std::array<int, kAnswerKinds> kinds = {};
  for (int variant = 0; variant < 12; ++variant) {
    const Transport transport =
        variant % 2 == 0 ? Transport::kUdp : Transport::kTcp;
    // Clients of every rule, and one of IPv6.
    sockaddr_in client = {};
    client.sin_family = AF_INET;
    client.sin_addr.s_addr =
        htonl(0x7f000001 + static_cast<uint32_t>(variant / 2));
    sockaddr_in6 client6 = {};
    client6.sin6_family = AF_INET6;
    client6.sin6_addr = in6addr_loopback;
    for (const std::string& query : queries_) {
      Request request;
      request.client = variant < 10
                           ? reinterpret_cast<const sockaddr*>(&client)
                           : reinterpret_cast<const sockaddr*>(&client6);
      request.message = reinterpret_cast<const uint8_t*>(query.data());
      request.message_bytes = query.size();
      request.transport = transport;
      Outcome outcome;
      {
        Counting on;
        Answer(*snapshot_, request, out_, &outcome);
      }
      ASSERT_EQ(0, allocations);
      ASSERT_EQ(0, locks);
      ++kinds[static_cast<size_t>(outcome.kind)];
    }
  }
  for (size_t kind = 0; kind < kinds.size(); ++kind) {
    EXPECT_GT(kinds[kind], 0)
        << AnswerKindName(static_cast<AnswerKind>(kind)) << " was not tried";
  }
}

TEST_F(HotPathTest, TheUdpBatchAllocatesNothingAndTakesNoLock) {
  absl::StatusOr<BoundAddress> bound = Bind({"127.0.0.1:0", "127.0.0.1", 0}, 1);
  ASSERT_TRUE(bound.ok()) << bound.status();
  const int fd = bound->sockets[0].udp.get();
  SnapshotHolder holder;
  holder.Publish(snapshot_);
  SnapshotHolder::Reader reader(&holder);
  SystemClock clock;
  UdpBatch batch(&reader, builder_.stats()->worker(0), &clock);
  UdpClient client("127.0.0.1", bound->port);

  int served = 0;
  int replies = 0;
  for (int round = 0; round < 3; ++round) {
    for (const std::string& query : queries_) client.Send(query);
    {
      Counting on;
      while (true) {
        const int count = batch.Serve(fd, false, false);
        if (count == 0) break;
        served += count;
      }
    }
    while (client.Receive(50).has_value()) ++replies;
    EXPECT_EQ(0, allocations);
    // The first batch after a change of snapshot takes the lock once.
    EXPECT_EQ(round == 0 ? 1 : 0, locks);
  }
  EXPECT_EQ(3 * static_cast<int>(queries_.size()), served);
  // Replies really went out.
  EXPECT_GT(replies, 2 * static_cast<int>(queries_.size()));

  holder.Publish(builder_.Build());
  client.Send(queries_[0]);
  {
    Counting on;
    batch.Serve(fd, false, false);
  }
  EXPECT_EQ(0, allocations);
  EXPECT_EQ(1, locks);
}

}  // namespace
}  // namespace rbld
