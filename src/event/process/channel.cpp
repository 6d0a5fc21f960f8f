// Sending and receiving channel messages: sendmsg(2) and recvmmsg(2) with SCM_RIGHTS.
#include "event/process/channel.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstring>

namespace berth {

namespace {

constexpr std::uint16_t kVersion = 1;
constexpr Duration kCrowded{10};  // until descriptors on their way may have arrived
// Read in one go, before the loop's other work has its turn: so many times so many.
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
        std::array<char, CMSG_SPACE(sizeof(int) * Channel::kMostDescriptors)> space;
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

// Moves the descriptors of the control data to the end of `to`.
void take_descriptors(msghdr& header, std::vector<FileDescriptor>& to) {
    for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
         control = CMSG_NXTHDR(&header, control)) {
        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
            to.emplace_back(fd);
        }
    }
}

}  // namespace

FileDescriptor Message::take_fd() noexcept {
    if (fds.empty()) return {};
    FileDescriptor next = std::move(fds.front());
    fds = fds.subspan(1);
    return next;
}

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

bool Channel::send(MessageType type, std::string_view payload, std::span<const int> fds) {
    if (!fd_ || payload.size() > kMaxPayload || fds.size() > kMostDescriptors) return false;
    if (!queue_.empty()) flush();
    if (!queue_.empty()) return queue(type, payload, fds, Sent::full);
    const Sent sent = transmit(type, payload, fds);
    if (sent == Sent::yes || sent == Sent::failed) return sent == Sent::yes;
    return queue(type, payload, fds, sent);
}

bool Channel::queue(MessageType type, std::string_view payload, std::span<const int> fds, Sent why) {
    Packet packet{type, std::string(payload), {}};
    for (const int fd : fds) {
        Result<FileDescriptor> copy = duplicate(fd);
        if (!copy) return false;
        packet.fds.push_back(*std::move(copy));
    }
    queue_.push_back(std::move(packet));
    if (queue_.size() == 1) wait_for_room(why);
    return true;
}

void Channel::wait_for_room(Sent why) {
    if (why == Sent::full) return watcher_.rearm_write();
    again_.start(loop_, kCrowded);
}

Channel::Sent Channel::transmit(MessageType type, std::string_view payload, std::span<const int> fds) {
    Header start;
    start.type = static_cast<std::uint16_t>(type);
    std::array<iovec, 2> parts{{{&start, sizeof start}, {const_cast<char*>(payload.data()), payload.size()}}};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMostDescriptors)> control;
    msghdr header{};
    header.msg_iov = parts.data();
    header.msg_iovlen = parts.size();
    if (!fds.empty()) {
        header.msg_control = control.data();
        header.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
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
    std::vector<FileDescriptor> fds;
    std::array<std::size_t, kAtOnce> ends;
    for (std::size_t i = 0; i < count; ++i) {
        take_descriptors(arrivals.headers[i].msg_hdr, fds);
        ends[i] = fds.size();
    }
    for (std::size_t i = 0; i < count; ++i) {
        const mmsghdr& header = arrivals.headers[i];
        if (header.msg_len == 0) return lost(), false;
        const std::size_t begin = i == 0 ? 0 : ends[i - 1];
        deliver(std::string_view(arrivals.bytes[i].data(), header.msg_len),
                std::span(fds).subspan(begin, ends[i] - begin), header.msg_hdr.msg_flags);
        if (!fd_) return false;  // closed by who was told
    }
    if (count == kAtOnce) return true;
    // There was no other: the next one is reported.
    return watcher_.rearm_read(), false;
}

void Channel::deliver(std::string_view bytes, std::span<FileDescriptor> fds, int flags) {
    Message message;
    message.fds = fds;
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
        std::vector<int> fds;
        for (const FileDescriptor& fd : packet.fds) fds.push_back(fd.get());
        const Sent sent = transmit(packet.type, packet.payload, fds);
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
