// strategy=shared: every worker watches the same socket; the kernel wakes one of them or all, or they take
// turns.
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "event/accept/accept_batch.hpp"
#include "event/accept/accept_error.hpp"
#include "event/accept/accept_strategy.hpp"
#include "event/accept/turn.hpp"
#include "event/events_module.hpp"
#include "event/process/worker.hpp"

namespace berth {

namespace {

// Connections taken in one go, with `multi_accept on`, before the loop's other work has its turn.
constexpr unsigned kMultiBatch = 64;
constexpr unsigned kBatch = 4;  // without it, at most
// The kernel wakes the first of those that watch exclusively, and that is always the same one: after so many
// accepts a worker goes to the end of the queue, by watching anew.
constexpr unsigned kRotation = 16;
// Connections taken when looking for forgotten ones: all that a backlog usually holds.
constexpr unsigned kSweep = 1024;
constexpr Duration kNoDescriptors{250};
constexpr Duration kNoSlots{10};

class SharedStrategy final : public AcceptStrategy, private AcceptTurn::Member {
 public:
    SharedStrategy(Worker& worker, Listener& listener, int socket, ListenerCounters& counters, Waking waking,
                   SessionOpener opener)
        : worker_(worker),
          listener_(listener),
          socket_(socket),
          counters_(counters),
          opener_(opener),
          multi_(*worker.cycle().conf<EventsConf>().multi_accept),
          trigger_(waking == Waking::one ? Trigger::level_exclusive : Trigger::level),
          turn_(waking == Waking::in_turn ? &worker.accept_turn() : nullptr),
          watcher_(Callback<Readiness>::to<&SharedStrategy::on_ready>(*this), socket),
          again_(Callback<>::to<&SharedStrategy::on_again>(*this)),
          retry_(Callback<>::to<&SharedStrategy::on_retry>(*this)) {}
    ~SharedStrategy() override { leave_turn(); }

    void arm() override {
        armed_ = true;
        resume();
    }
    void pause() noexcept override {
        paused_ = true;
        retry_.stop();
        rest();
    }
    void resume() noexcept override {
        paused_ = false;
        retry_.stop();
        go_on();
    }
    // What is left when it may take no more is the kernel's to tell of again.
    void nudge() override {
        if (retry_.armed() && !paused_) return;  // it looks by itself, when there may be room
        if (turn_ != nullptr) turn_->offered();
        const unsigned most = opener_.room != nullptr ? std::min(opener_.room(opener_.user), kSweep) : kSweep;
        if (most > 0 && accept_some(most) == most) watch_anew();
    }

 private:
    enum class Taken : std::uint8_t { connection, nothing, stop };

    void on_ready(Readiness) {
        count(counters_.wakeups);
        const unsigned wanted = multi_ ? kMultiBatch : batch_.begin(worker_.loop().counters().turns);
        const unsigned most = turn_ != nullptr ? turn_->most(wanted) : wanted;
        const unsigned done = accept_some(most);
        if (done == 0 && !retry_.armed()) count(counters_.empty_wakeups);
        if (done < most || most == wanted) batch_.end(done);
        if (turn_ != nullptr) turn_->accepted();
    }
    void on_again() { accept_some(kMultiBatch); }
    void on_retry() { go_on(); }
    void go_on() noexcept {
        if (!armed_ || paused_) return;
        if (turn_ == nullptr) return watch();
        if (!std::exchange(in_turn_, true)) turn_->join(*this);
    }

    void turn_began() noexcept override { watch(); }
    void turn_ended() noexcept override { stop_watching(); }
    int watched_socket() const noexcept override { return socket_; }
    void leave_turn() noexcept {
        if (std::exchange(in_turn_, false)) turn_->leave(*this);
    }

    void watch() noexcept {
        if (watcher_.watched() || retry_.armed()) return;
        if (Result<void> watched = worker_.loop().watch(watcher_, trigger_); !watched) {
            worker_.log().crit("cannot accept on {} for the moment: {}", listener_.address().to_text(),
                               watched.error().message);
            retry_later(kNoDescriptors);
        }
    }
    void watch_anew() noexcept {
        if (!watcher_.watched()) return;
        since_rotation_ = 0;
        watcher_.unwatch();
        watch();
    }
    void rest() noexcept {
        leave_turn();
        stop_watching();
    }
    void stop_watching() noexcept {
        watcher_.unwatch();
        again_.cancel();
    }

    // Returns how many there were.
    unsigned accept_some(unsigned most) {
        if (!armed_) return 0;
        unsigned done = 0;
        Taken taken = Taken::connection;
        while (done < most && taken == Taken::connection) {
            taken = accept_one();
            if (taken == Taken::connection) ++done;
        }
        if (taken != Taken::stop) rotate();
        if (taken == Taken::connection && multi_ && watcher_.watched()) worker_.loop().post(again_);
        return done;
    }

    Taken accept_one() {
        if (!worker_.connections().make_room()) {
            say_full();
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

    void say_full() {
        const std::size_t limit = worker_.connections().limit();
        if (worker_.is_front()) {
            worker_.log().warn("{} front_connections are not enough: connections wait", limit / 2);
        } else {
            worker_.log().warn("{} worker_connections are not enough: connections wait", limit);
        }
    }

    void open(FileDescriptor fd, Address peer) {
        Connection* connection = worker_.connections().open(std::move(fd), std::move(peer), &listener_);
        if (connection == nullptr) {
            count(counters_.refused);
            worker_.log().error("a connection was refused: {}", system_error("watch", "", errno).message);
            return;
        }
        std::unique_ptr<Session> session = opener_.open != nullptr
                                               ? opener_.open(*connection, listener_, opener_.user)
                                               : listener_.make_session(*connection);
        if (session == nullptr) {
            count(counters_.refused);
            worker_.log().warn("a connection to {} was closed: nobody serves it",
                               listener_.address().to_text());
            return connection->close();
        }
        connection->set_session(std::move(session));
    }

    Taken failed(int error_number) {
        if (error_number == EAGAIN) return Taken::nothing;
        if (is_about_connection(error_number)) return Taken::connection;
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
        retry_.start(worker_.loop(), time);
        rest();
        worker_.pass_on();
    }

    void rotate() {
        if (trigger_ == Trigger::level_exclusive && since_rotation_ >= kRotation) watch_anew();
    }

    Worker& worker_;
    Listener& listener_;
    const int socket_;
    ListenerCounters& counters_;
    const SessionOpener opener_;
    const bool multi_;
    AcceptBatch batch_{kBatch};
    const Trigger trigger_;
    AcceptTurn* const turn_;  // null: it watches all the time
    bool in_turn_ = false;
    unsigned since_rotation_ = 0;
    bool armed_ = false;
    bool paused_ = false;
    Watcher watcher_;
    Task again_;
    Timer retry_;
};

}  // namespace

std::unique_ptr<AcceptStrategy> make_shared_strategy(Worker& worker, Listener& listener, int socket,
                                                     ListenerCounters& counters, Waking waking,
                                                     SessionOpener opener) {
    return std::make_unique<SharedStrategy>(worker, listener, socket, counters, waking, opener);
}

Waking waking_of(const Worker& worker) {
    switch (*worker.cycle().conf<EventsConf>().accept_mutex) {
        case AcceptMutex::off: return Waking::all;
        case AcceptMutex::exclusive: return Waking::one;
        case AcceptMutex::on: break;
    }
    // Alone it has nobody to take turns with.
    return worker.has_master() ? Waking::in_turn : Waking::all;
}

}  // namespace berth
