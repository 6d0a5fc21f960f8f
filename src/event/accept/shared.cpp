// strategy=shared: every worker watches the same socket; the kernel wakes one of them, or all.
#include <sys/socket.h>

#include "event/accept/accept_strategy.hpp"
#include "event/events_module.hpp"
#include "event/process/worker.hpp"

namespace berth {

namespace {

// Connections taken in one go, with `multi_accept on`, before the loop's other work has its turn.
constexpr unsigned kBatch = 64;
// The kernel wakes the first of those that watch exclusively, and that is always the same one: after so many
// accepts a worker goes to the end of the queue, by watching anew.
constexpr unsigned kRotation = 16;
// Connections taken when looking for forgotten ones: all that a backlog usually holds.
constexpr unsigned kSweep = 1024;
constexpr Duration kNoDescriptors{250};
constexpr Duration kNoSlots{10};

class SharedStrategy final : public AcceptStrategy {
 public:
    SharedStrategy(Worker& worker, Listener& listener, int socket, ListenerCounters& counters)
        : worker_(worker),
          listener_(listener),
          socket_(socket),
          counters_(counters),
          batch_(*worker.cycle().conf<EventsConf>().multi_accept ? kBatch : 1),
          trigger_(*worker.cycle().conf<EventsConf>().accept_mutex == AcceptMutex::off
                       ? Trigger::level
                       : Trigger::level_exclusive),
          watcher_(Callback<Readiness>::to<&SharedStrategy::on_ready>(*this), socket),
          again_(Callback<>::to<&SharedStrategy::on_again>(*this)),
          retry_(Callback<>::to<&SharedStrategy::on_retry>(*this)) {}

    void arm() override {
        armed_ = true;
        resume();
    }
    void pause() noexcept override {
        watcher_.unwatch();
        again_.cancel();
    }
    void resume() noexcept override {
        retry_.stop();
        if (!armed_ || watcher_.watched()) return;
        if (Result<void> watched = worker_.loop().watch(watcher_, trigger_); !watched) {
            worker_.log().crit("cannot accept on {} for the moment: {}", listener_.address().to_text(),
                               watched.error().message);
            retry_later(kNoDescriptors);
        }
    }
    void nudge() override { accept_some(kSweep); }

 private:
    enum class Taken : std::uint8_t { connection, nothing, stop };

    void on_ready(Readiness) {
        count(counters_.wakeups);
        accept_some(batch_);
    }
    void on_again() { accept_some(batch_); }
    void on_retry() { resume(); }

    void accept_some(unsigned most) {
        if (!armed_) return;
        for (unsigned i = 0; i < most; ++i) {
            const Taken taken = accept_one();
            if (taken == Taken::nothing && i == 0) count(counters_.empty_wakeups);
            if (taken == Taken::connection) continue;
            if (taken == Taken::nothing) rotate();
            return;
        }
        rotate();
        if (batch_ > 1 && watcher_.watched()) worker_.loop().post(again_);
    }

    Taken accept_one() {
        if (worker_.connections().full()) {
            worker_.log().warn("{} worker_connections are not enough: connections wait",
                               worker_.connections().limit());
            retry_later(kNoSlots);
            return Taken::stop;
        }
        sockaddr_storage from;
        socklen_t length = sizeof(from);
        auto* peer = reinterpret_cast<sockaddr*>(&from);
        const int fd = ::accept4(socket_, peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return failed(errno);
        count(counters_.accepted);
        ++since_rotation_;
        open(FileDescriptor(fd), Address::from_sockaddr(peer, length));
        return Taken::connection;
    }

    void open(FileDescriptor fd, Address peer) {
        Connection* connection = worker_.connections().open(std::move(fd), std::move(peer), &listener_);
        if (connection == nullptr) {
            count(counters_.refused);
            worker_.log().error("a connection was refused: {}", system_error("watch", "", errno).message);
            return;
        }
        std::unique_ptr<Session> session = listener_.make_session(*connection);
        if (session == nullptr) {
            count(counters_.refused);
            return connection->close();
        }
        connection->set_session(std::move(session));
    }

    Taken failed(int error_number) {
        switch (error_number) {
            case EAGAIN: return Taken::nothing;
            case EINTR:
            case ECONNABORTED:
                // The client was gone before it was served; the next one is not (accept(2)).
            // Errors of the connection, which Linux tells the one who accepts it (accept(2)).
            case ENETDOWN:
            case EPROTO:
            case ENOPROTOOPT:
            case EHOSTDOWN:
            case ENONET:
            case EHOSTUNREACH:
            case EOPNOTSUPP:
            case ENETUNREACH:
            case EPERM: return Taken::connection;
            default: break;
        }
        count(counters_.failures);
        worker_.log().crit("{}",
                           system_error("accept4", listener_.address().to_text(), error_number).message);
        // It would fail again at once: what frees descriptors or memory needs time.
        retry_later(kNoDescriptors);
        return Taken::stop;
    }

    // The kernel has woken this worker alone for what it cannot take now: somebody else has to look.
    void retry_later(Duration time) {
        if (retry_.armed()) return;
        pause();
        retry_.start(worker_.loop(), time);
        worker_.pass_on();
    }

    void rotate() {
        if (trigger_ != Trigger::level_exclusive || since_rotation_ < kRotation || !watcher_.watched())
            return;
        since_rotation_ = 0;
        watcher_.unwatch();
        resume();
    }

    Worker& worker_;
    Listener& listener_;
    const int socket_;
    ListenerCounters& counters_;
    const unsigned batch_;
    const Trigger trigger_;
    unsigned since_rotation_ = 0;
    bool armed_ = false;
    Watcher watcher_;
    Task again_;
    Timer retry_;
};

}  // namespace

std::unique_ptr<AcceptStrategy> make_shared_strategy(Worker& worker, Listener& listener, int socket,
                                                     ListenerCounters& counters) {
    return std::make_unique<SharedStrategy>(worker, listener, socket, counters);
}

}  // namespace berth
