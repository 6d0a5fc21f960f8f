// Sending and receiving channel messages: sendmsg(2) and recvmmsg(2) with SCM_RIGHTS.
#include "event/process/channel.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstring>

namespace berth {

namespace {

constexpr std::uint16_t kVersion = 1;
// Read in one go, before the loop's other work has its turn: so many times so many.
constexpr Duration kCrowded{10};  // until descriptors on their way may have arrived
constexpr unsigned kBatch = 16;
constexpr std::size_t kAtOnce = 4;

struct Header {
    std::uint16_t version = kVersion;
    std::uint16_t type = 0;
};

// Room for what one recvmmsg(2) brings.
struct Arrivals {
    std::array<std::array<char, sizeof(Header) + Channel::kMaxPayload>, kAtOnce> bytes;
    struct alignas(cmsghdr) Control {
        std::array<char, CMSG_SPACE(sizeof(int) * 4)> space;
    };
    std::array<Control, kAtOnce> control;
    std::array<iovec, kAtOnce> parts;
    std::array<mmsghdr, kAtOnce> headers{};

    Arrivals() noexcept {
        for (std::size_t i = 0; i < kAtOnce; ++i) {
            parts[i] = {bytes[i].data(), bytes[i].size()};
            headers[i].msg_hdr.msg_iov = &parts[i];
            headers[i].msg_hdr.msg_iovlen = 1;
            headers[i].msg_hdr.msg_control = control[i].space.data();
            headers[i].msg_hdr.msg_controllen = control[i].space.size();
        }
    }
};

bool is_known(std::uint16_t type) {
    return type >= static_cast<std::uint16_t>(MessageType::online) &&
           type <= static_cast<std::uint16_t>(MessageType::watch);
}

// Takes the first descriptor of the control data; others, which nobody sends, are closed.
FileDescriptor take_descriptor(msghdr& header) {
    FileDescriptor first;
    for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
         control = CMSG_NXTHDR(&header, control)) {
        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
            FileDescriptor received(fd);
            if (!first) first = std::move(received);
        }
    }
    return first;
}

}  // namespace

Result<Channel::Ends> Channel::make_ends() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
        return system_error("socketpair", "", errno);
    }
    return Ends{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

Channel::Channel(EventLoop& loop, FileDescriptor end, Callback<Message&> message, Callback<> closed)
    : loop_(loop),
      fd_(std::move(end)),
      message_(message),
      closed_(closed),
      watcher_(Callback<Readiness>::to<&Channel::on_ready>(*this), fd_.get()),
      more_(Callback<>::to<&Channel::read_some>(*this)),
      again_(Callback<>::to<&Channel::flush>(*this)) {}

Result<void> Channel::start() { return loop_.watch(watcher_, Trigger::edge); }

bool Channel::send(MessageType type, std::string_view payload, int fd) {
    if (!fd_ || payload.size() > kMaxPayload) return false;
    Header header;
    header.type = static_cast<std::uint16_t>(type);
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
    bytes += payload;
    if (!queue_.empty()) flush();
    Sent sent = Sent::full;
    if (queue_.empty()) {
        sent = transmit(bytes, fd);
        if (sent == Sent::yes || sent == Sent::failed) return sent == Sent::yes;
    }
    Packet packet{std::move(bytes), FileDescriptor()};
    if (fd >= 0) {
        Result<FileDescriptor> copy = duplicate(fd);
        if (!copy) return false;
        packet.fd = *std::move(copy);
    }
    queue_.push_back(std::move(packet));
    if (queue_.size() == 1) wait_for_room(sent);
    return true;
}

void Channel::wait_for_room(Sent why) {
    if (why == Sent::full) return watcher_.rearm_write();
    again_.start(loop_, kCrowded);
}

Channel::Sent Channel::transmit(std::string_view bytes, int fd) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (fd >= 0) {
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        cmsghdr* rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(rights), &fd, sizeof(int));
    }
    while (true) {
        if (::sendmsg(fd_.get(), &header, MSG_NOSIGNAL) >= 0) return Sent::yes;
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return Sent::full;
        // ETOOMANYREFS: too many descriptors of this user are in flight, to whomever (unix(7)).
        return errno == ENOBUFS || errno == ETOOMANYREFS ? Sent::crowded : Sent::failed;
    }
}

void Channel::on_ready(Readiness readiness) {
    if (readiness.writable) flush();
    if (readiness.readable) read_some();
}

void Channel::read_some() {
    for (unsigned i = 0; i < kBatch; ++i) {
        if (!receive()) return;
    }
    // The rest in the next turn: a busy channel must not hold up the others.
    loop_.post(more_);
}

void Channel::read_rest() {
    while (receive()) {}
}

bool Channel::receive() {
    if (!fd_) return false;
    Arrivals arrivals;
    const int got =
        ::recvmmsg(fd_.get(), arrivals.headers.data(), kAtOnce, MSG_CMSG_CLOEXEC | MSG_DONTWAIT, nullptr);
    if (got < 0 && errno == EINTR) return true;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return watcher_.rearm_read(), false;
    if (got <= 0) return lost(), false;

    const auto count = static_cast<std::size_t>(got);
    std::array<FileDescriptor, kAtOnce> descriptors;
    for (std::size_t i = 0; i < count; ++i) descriptors[i] = take_descriptor(arrivals.headers[i].msg_hdr);
    for (std::size_t i = 0; i < count; ++i) {
        const mmsghdr& header = arrivals.headers[i];
        if (header.msg_len == 0) return lost(), false;
        deliver(std::string_view(arrivals.bytes[i].data(), header.msg_len), std::move(descriptors[i]),
                header.msg_hdr.msg_flags);
        if (!fd_) return false;  // closed by who was told
    }
    if (count == kAtOnce) return true;
    // There was no other: the next one is reported.
    return watcher_.rearm_read(), false;
}

void Channel::deliver(std::string_view bytes, FileDescriptor fd, int flags) {
    Message message;
    message.fd = std::move(fd);
    message.fd_lost = (flags & MSG_CTRUNC) != 0;
    if (message.fd_lost) ++lost_descriptors_;
    Header start;
    if (bytes.size() >= sizeof(start)) std::memcpy(&start, bytes.data(), sizeof(start));
    if (bytes.size() < sizeof(start) || start.version != kVersion || !is_known(start.type) ||
        (flags & MSG_TRUNC) != 0) {
        ++ignored_;
        return;
    }
    message.type = static_cast<MessageType>(start.type);
    message.payload = bytes.substr(sizeof(start));
    message_(message);
}

void Channel::flush() {
    while (fd_ && !queue_.empty()) {
        const Packet& packet = queue_.front();
        const Sent sent = transmit(packet.bytes, packet.fd.get());
        if (sent == Sent::full || sent == Sent::crowded) return wait_for_room(sent);
        queue_.pop_front();
        if (sent == Sent::failed) return;  // reading tells that the other end is gone
    }
}

void Channel::lost() {
    close();
    closed_();
}

void Channel::close() noexcept {
    watcher_.unwatch();
    more_.cancel();
    again_.stop();
    fd_.reset();
    queue_.clear();
}

}  // namespace berth
