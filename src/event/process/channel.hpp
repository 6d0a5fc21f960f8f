// Channel: typed, versioned messages between the master and one child, with descriptors.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/system/file_descriptor.hpp"
#include "event/loop.hpp"

namespace berth {

enum class MessageType : std::uint16_t {
    online = 1,  // master: the generation is complete, accept
    listen,      // worker asks for a listener (queryServer); master: its answer
    newconn,     // master: connections, handed over
    ack,         // worker: taken
    nack,        // worker: not taken, or its descriptor was lost on the way
    disconnect,  // worker: accepts no more; payload: why it could not even start
    quit,        // master: drain and end; payload "polite" or "now"
    reopen,      // master: a log file's new descriptor; payload its path
    ready,       // worker: has started, waits for `online`
    nudge,       // master: look at the shared listeners; worker: I cannot, let somebody else look
    stats,       // worker: numbers that are not in the scoreboard
    watch,       // master: another slot's socket, to be watched (none: no longer); worker: it was lost
};

struct Message {
    MessageType type{};
    std::string_view payload;  // valid during the callback
    // In the order in which they were sent. The callback may take them; what it leaves is closed.
    std::span<FileDescriptor> fds;
    bool fd_lost = false;  // more were sent, but there was no room for them here (MSG_CTRUNC)

    // The next one; none when there is no further one.
    FileDescriptor take_fd() noexcept;
};

// One end of a SOCK_SEQPACKET pair: messages arrive whole, in order, and sending never blocks. Messages of a
// newer version or an unknown type are counted and ignored. Its owner must not destroy it from inside a
// callback, but may close() it there.
class Channel {
 public:
    static constexpr std::size_t kMaxPayload = 8192;
    static constexpr std::size_t kMostDescriptors = 32;  // with one message

    struct Ends {
        FileDescriptor master;
        FileDescriptor child;
    };
    static Result<Ends> make_ends();

    // `message` is called for each; `closed` once, when the other end is gone.
    Channel(EventLoop& loop, FileDescriptor end, Callback<Message&> message, Callback<> closed);
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    Result<void> start();
    // Queued when the socket is full; the descriptors are duplicated then, so the caller's are free either
    // way. False when the channel is closed, or the payload too long, or the descriptors too many.
    bool send(MessageType type, std::string_view payload = {}, std::span<const int> fds = {});

    // Delivers what has arrived already: the last words of a process that has ended.
    void read_rest();

    bool open() const noexcept { return static_cast<bool>(fd_); }
    void close() noexcept;
    std::size_t queued() const noexcept { return queue_.size(); }
    std::uint64_t ignored() const noexcept { return ignored_; }  // unknown, malformed or of a newer version
    // Messages that came with fewer descriptors than were sent.
    std::uint64_t lost_descriptors() const noexcept { return lost_descriptors_; }

 private:
    struct Packet {
        MessageType type{};
        std::string payload;
        std::vector<FileDescriptor> fds;
    };
    // crowded: the kernel has no room for more descriptors on their way, and will not say when it has.
    enum class Sent : std::uint8_t { yes, full, crowded, failed };

    Sent transmit(MessageType type, std::string_view payload, std::span<const int> fds);
    bool queue(MessageType type, std::string_view payload, std::span<const int> fds, Sent why);
    void on_ready(Readiness readiness);
    bool receive();
    void deliver(std::string_view bytes, std::span<FileDescriptor> fds, int flags);
    void flush();
    void wait_for_room(Sent why);
    void read_some();
    void lost();

    EventLoop& loop_;
    FileDescriptor fd_;
    Callback<Message&> message_;
    Callback<> closed_;
    std::deque<Packet> queue_;
    std::uint64_t ignored_ = 0;
    std::uint64_t lost_descriptors_ = 0;
    Watcher watcher_;
    Task more_;
    Timer again_;
};

}  // namespace berth
