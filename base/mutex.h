// Mutex, MutexLock and CondVar: std::mutex with clang's lock annotations.
//
// absl::Mutex is not used because Debian builds Abseil without ThreadSanitizer
// hooks, so that TSan would report every use of it as a race.
#ifndef RBLD_BASE_MUTEX_H_
#define RBLD_BASE_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/thread_annotations.h"

namespace rbld {

class RBLD_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() RBLD_ACQUIRE() { mutex_.lock(); }
  void Unlock() RBLD_RELEASE() { mutex_.unlock(); }
  bool TryLock() RBLD_TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class RBLD_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) RBLD_ACQUIRE(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  ~MutexLock() RBLD_RELEASE() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

// Waits are spelled as loops by the caller: `while (!ready) cv.Wait(&mu);`.
class CondVar {
 public:
  void Wait(Mutex* mutex) RBLD_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }

  // False when `timeout` passed without a notification.
  bool WaitFor(Mutex* mutex, std::chrono::milliseconds timeout)
      RBLD_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
    // wait_until on the system clock maps to pthread_cond_timedwait, which
    // GCC 12's TSan intercepts; the steady clock's variant it does not.
    const std::cv_status status =
        condition_.wait_until(lock, std::chrono::system_clock::now() + timeout);
    lock.release();
    return status == std::cv_status::no_timeout;
  }

  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace rbld

#endif  // RBLD_BASE_MUTEX_H_
