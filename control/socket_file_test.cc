#include "control/socket_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

namespace rbld {
namespace {

// Short, for a socket's path has room for 107 bytes.
class SocketFileTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/rbldXXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    path_ = directory_ + "/s";
  }
  void TearDown() override {
    unlink(path_.c_str());
    rmdir(directory_.c_str());
  }
  absl::StatusOr<SocketFile> Listen(int mode = 0660) {
    return SocketFile::Listen({.path = path_, .mode = mode});
  }

  std::string directory_;
  std::string path_;
};

TEST_F(SocketFileTest, HasTheModeWhateverTheUmask) {
  const mode_t before = umask(0077);
  absl::StatusOr<SocketFile> file = Listen(0666);
  umask(before);
  ASSERT_TRUE(file.ok()) << file.status();
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0666u);
}

TEST_F(SocketFileTest, GoesAwayWithItsOwner) {
  { ASSERT_TRUE(Listen().ok()); }
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

TEST_F(SocketFileTest, LeavesAnotherOnesFileAlone) {
  absl::StatusOr<SocketFile> first = Listen();
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(unlink(path_.c_str()), 0);
  absl::StatusOr<SocketFile> second = Listen();
  ASSERT_TRUE(second.ok());
  { const SocketFile gone = *std::move(first); }
  EXPECT_EQ(access(path_.c_str(), F_OK), 0);
}

TEST_F(SocketFileTest, ReplacesTheFileOfADeadServer) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(fd);
  EXPECT_TRUE(Listen().ok());
}

TEST_F(SocketFileTest, RefusesAPathWhereSomebodyAnswers) {
  absl::StatusOr<SocketFile> first = Listen();
  ASSERT_TRUE(first.ok());
  const absl::StatusOr<SocketFile> second = Listen();
  EXPECT_TRUE(absl::IsAlreadyExists(second.status())) << second.status();
  EXPECT_NE(second.status().message().find(path_), std::string::npos);
  // The first one still works.
  const absl::StatusOr<int> client = ConnectToSocketFile(path_);
  EXPECT_TRUE(client.ok());
  close(*client);
}

TEST_F(SocketFileTest, LeavesAFileThatIsNoSocketAlone) {
  std::ofstream(path_) << "precious";
  const absl::StatusOr<SocketFile> file = Listen();
  EXPECT_TRUE(absl::IsFailedPrecondition(file.status())) << file.status();
  std::string kept;
  std::ifstream(path_) >> kept;
  EXPECT_EQ(kept, "precious");
}

TEST_F(SocketFileTest, RefusesAPathThatDoesNotFit) {
  const absl::StatusOr<SocketFile> file =
      SocketFile::Listen({.path = "/tmp/" + std::string(103, 'x')});
  EXPECT_TRUE(absl::IsInvalidArgument(file.status()));
  EXPECT_NE(file.status().message().find("107"), std::string::npos);
}

TEST_F(SocketFileTest, TellsAFolderThatIsNotThere) {
  const absl::StatusOr<SocketFile> file =
      SocketFile::Listen({.path = directory_ + "/none/s"});
  EXPECT_TRUE(absl::IsNotFound(file.status())) << file.status();
}

TEST_F(SocketFileTest, ConnectTellsNoSocketFromNoServer) {
  EXPECT_TRUE(absl::IsNotFound(ConnectToSocketFile(path_).status()));
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(ConnectToSocketFile(path_).status()));
  close(fd);
}

}  // namespace
}  // namespace rbld
