// HttpListener: one control socket: a thread that accepts connections and
// waits for their requests, and a pool that serves them.
//
// A connection is in one place at a time: with the waiting thread (nothing, or
// a part of a head, has come), in the queue (a head is there), or with a thread
// of the pool. So a client that is idle or slow to speak costs no thread.
#ifndef RBLD_CONTROL_HTTP_LISTENER_H_
#define RBLD_CONTROL_HTTP_LISTENER_H_

#include <chrono>
#include <deque>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "control/api.h"
#include "control/http_connection.h"
#include "control/http_options.h"
#include "control/role.h"
#include "control/socket_file.h"

namespace rbld {

class HttpListener {
 public:
  HttpListener(SocketFile file, Role role, const HttpServerOptions& options);
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  // Called by one thread, in this order. Join waits for the requests that are
  // being served; Interrupt makes those that still read their body fail.
  void Start(Api* api);
  void Interrupt();
  void Join();

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Waiting {
    std::unique_ptr<HttpConnection> connection;
    Time until;  // then it is closed
  };

  void WaitLoop();
  void WorkLoop(Api* api);
  // One round of the waiting thread's work. `ready` says for each of waiting_
  // whether something came.
  void AcceptAll();
  void TakeReturned();
  void Look(Waiting waiting);
  void Enqueue(std::unique_ptr<HttpConnection> connection);
  // Sends a problem without waiting for room, and closes.
  static void Dismiss(std::unique_ptr<HttpConnection> connection, int status,
                      const char* code, const char* detail);
  void Wake();

  const SocketFile file_;
  const Role role_;
  const HttpServerOptions options_;
  const int wake_fd_;

  std::vector<Waiting> waiting_;  // the waiting thread's own

  Mutex mutex_;
  CondVar queue_changed_;
  bool stopping_ RBLD_GUARDED_BY(mutex_) = false;
  std::deque<std::unique_ptr<HttpConnection>> queue_ RBLD_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<HttpConnection>> returned_
      RBLD_GUARDED_BY(mutex_);
  std::set<HttpConnection*> served_ RBLD_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace rbld

#endif  // RBLD_CONTROL_HTTP_LISTENER_H_
