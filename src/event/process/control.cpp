// Both ends of the control socket.
#include "event/process/control.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/net/address.hpp"
#include "core/system/shortage.hpp"
#include "core/time/clock.hpp"
#include "event/listener.hpp"

namespace berth {

namespace {

constexpr std::string_view kSuccess = "ok\n";
constexpr std::string_view kFailure = "failed\n";
constexpr Duration kNoDescriptors{250};

constexpr std::string_view kTurnedAway = "| only root and the user that the server runs as may ask\nfailed\n";

std::optional<ucred> peer_of(int fd) {
    ucred peer{};
    socklen_t length = sizeof(peer);
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
    return peer;
}

std::string name_of(const std::optional<ucred>& peer) {
    return peer ? fmt::format("uid {}, pid {}", peer->uid, peer->pid) : "nobody knows whom";
}

}  // namespace

ControlServer::Client::Client(ControlServer& owner, FileDescriptor socket, std::uint64_t its_number,
                              std::string peer)
    : server(owner),
      fd(std::move(socket)),
      number(its_number),
      who(std::move(peer)),
      watcher(Callback<Readiness>::to<&Client::on_ready>(*this), fd.get()),
      limit(Callback<>::to<&Client::on_timeout>(*this)) {
    limit.start(owner.loop_, owner.timeout_);
}

void ControlServer::Client::on_timeout() {
    ++server.dropped_;
    if (server.log_ != nullptr) {
        server.log_->warn("a client of the control socket ({}) was dropped: it {} in time", who,
                          finished ? "did not read its answer" : "asked nothing");
    }
    server.drop(*this);
}

void ControlServer::Client::on_ready(Readiness readiness) {
    if (readiness.writable && fd) server.write(*this);
    if (readiness.readable && fd) server.read(*this);
}

ControlServer::ControlServer(EventLoop& loop, Callback<const ControlRequest&> asked) noexcept
    : loop_(loop),
      asked_(asked),
      watcher_(Callback<Readiness>::to<&ControlServer::on_connect>(*this)),
      again_(Callback<>::to<&ControlServer::accept_again>(*this)),
      bury_(Callback<>::to<&ControlServer::bury>(*this)) {}

Result<void> ControlServer::listen(const std::string& path) {
    Result<Address> address = Address::unix_path(path);
    if (!address) return address.error();
    FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return system_error("socket", path, errno);
    if (Result<void> cleared = clear_stale_path(*address); !cleared) return cleared;
    const mode_t before = ::umask(0177);
    const int bound = ::bind(fd.get(), address->data(), address->length());
    const int error_number = errno;
    ::umask(before);
    if (bound != 0) return system_error("bind", path, error_number);
    if (::listen(fd.get(), 16) != 0) return system_error("listen", path, errno);
    // The old socket goes, whoever waits for an answer stays.
    stop_listening();
    fd_ = std::move(fd);
    path_ = path;
    watcher_.set_fd(fd_.get());
    full_ = false;
    return loop_.watch(watcher_, Trigger::level);
}

void ControlServer::rename(const std::string& path) noexcept {
    if (!fd_ || ::rename(path_.c_str(), path.c_str()) != 0) return;
    path_ = path;
}

void ControlServer::on_connect(Readiness) {
    FileDescriptor fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd && is_shortage(errno)) {
        // It would be ready again at once: what frees descriptors needs time.
        watcher_.unwatch();
        return again_.start(loop_, kNoDescriptors);
    }
    if (!fd) return;
    const std::optional<ucred> peer = peer_of(fd.get());
    if (!peer || (peer->uid != 0 && peer->uid != ::geteuid())) {
        ++refused_;
        if (log_ != nullptr) {
            log_->warn("a client of the control socket was turned away: another user's ({})", name_of(peer));
        }
        static_cast<void>(::send(fd.get(), kTurnedAway.data(), kTurnedAway.size(), MSG_NOSIGNAL));
        return;
    }
    Client& client = clients_.emplace_back(*this, std::move(fd), ++last_number_, name_of(peer));
    if (!loop_.watch(client.watcher, Trigger::edge)) return drop(client);
    if (clients_.size() < limit_) return;
    full_ = true;
    watcher_.unwatch();
    if (log_ != nullptr) log_->warn("{} clients at the control socket: the next ones wait", clients_.size());
}

void ControlServer::limit(std::size_t clients, Duration timeout, Log& log) noexcept {
    limit_ = clients;
    timeout_ = timeout;
    log_ = &log;
    loop_.post(bury_);
}

void ControlServer::accept_again() {
    if (!loop_.watch(watcher_, Trigger::level)) again_.start(loop_, kNoDescriptors);
}

void ControlServer::read(Client& client) {
    char buffer[kMaxRequest];
    while (client.fd) {
        const ssize_t got = ::read(client.fd.get(), buffer, sizeof(buffer));
        if (got < 0 && errno == EAGAIN) return client.watcher.rearm_read();
        // It has said all, and waits for its answer.
        if (got == 0 && client.asked) return;
        if (got <= 0) return drop(client);
        if (client.asked) continue;
        client.in.append(buffer, static_cast<std::size_t>(got));
        const std::size_t end = client.in.find('\n');
        client.asked = end != std::string::npos || client.in.size() > kMaxRequest;
        if (!client.asked) continue;
        client.limit.stop();
        if (end > kMaxRequest) {
            ++dropped_;
            if (log_ != nullptr) log_->warn("a command of {} at the control socket is too long", client.who);
            answer(client.number, fmt::format("a command has at most {} bytes", kMaxRequest), false);
            return;
        }
        asked_(ControlRequest{client.number, std::string_view(client.in).substr(0, end), client.who});
    }
}

void ControlServer::answer(std::uint64_t number, std::string_view text, bool success) {
    auto client = std::ranges::find(clients_, number, &Client::number);
    if (client == clients_.end() || client->finished) return;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        client->out.append("| ").append(text.substr(0, end)).append("\n");
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    client->out += success ? kSuccess : kFailure;
    client->finished = true;
    client->limit.start(loop_, timeout_);
    write(*client);
}

void ControlServer::write(Client& client) {
    while (!client.out.empty()) {
        const ssize_t sent = ::send(client.fd.get(), client.out.data(), client.out.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) return client.watcher.rearm_write();
        if (sent < 0) return drop(client);
        client.out.erase(0, static_cast<std::size_t>(sent));
    }
    if (client.finished) drop(client);
}

// It may be on the stack: destroyed later in the turn.
void ControlServer::drop(Client& client) {
    client.watcher.unwatch();
    client.limit.stop();
    client.fd.reset();
    auto found = std::ranges::find(clients_, client.number, &Client::number);
    if (found != clients_.end()) dead_.splice(dead_.end(), clients_, found);
    loop_.post(bury_);
}

void ControlServer::bury() {
    dead_.clear();
    if (std::exchange(full_, full_ && clients_.size() >= limit_) && !full_ && fd_) accept_again();
}

void ControlServer::stop_listening() noexcept {
    if (fd_) ::unlink(path_.c_str());
    let_go();
}

void ControlServer::let_go() noexcept {
    watcher_.unwatch();
    again_.stop();
    fd_.reset();
    path_.clear();
}

void ControlServer::close() noexcept {
    stop_listening();
    abandon();
}

void ControlServer::abandon() noexcept {
    let_go();
    for (Client& client : clients_) {
        client.watcher.unwatch();
        client.limit.stop();
        client.fd.reset();
    }
    dead_.splice(dead_.end(), clients_);
}

void obey(ControlServer& server, const ControlRequest& request, const ControlCommands& commands) {
    const std::pair<std::string_view, Callback<>> at_once[] = {
        {"reopen", commands.reopen}, {"stop", commands.stop}, {"quit", commands.quit}};
    const auto note = [&] {
        commands.log.notice("\"{}\" was asked for by {}", request.command, request.who);
    };
    if (request.command == "reload") return note(), commands.reload(request.client);
    if (request.command == "status") return server.answer(request.client, commands.status, true);
    for (const auto& [name, run] : at_once) {
        if (request.command != name) continue;
        note();
        run();
        return server.answer(request.client, {}, true);
    }
    commands.other(request);
}

Result<ControlAnswer> ask_control(const std::string& path, std::string_view command, Duration timeout) {
    Result<Address> address = Address::unix_path(path);
    if (!address) return address.error();
    FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) return system_error("socket", path, errno);
    if (::connect(fd.get(), address->data(), address->length()) != 0)
        return system_error("connect", path, errno);
    const std::string request = std::string(command) + "\n";
    // Who is turned away at once has an answer all the same.
    if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0 && errno != EPIPE)
        return system_error("send", path, errno);

    std::string received;
    const std::uint64_t deadline =
        monotonic_ms() + static_cast<std::uint64_t>(std::max<std::int64_t>(timeout.count(), 0));
    while (true) {
        const std::uint64_t now = monotonic_ms();
        const int wait = timeout.count() < 0 ? -1 : static_cast<int>(deadline > now ? deadline - now : 0);
        pollfd ready{fd.get(), POLLIN, 0};
        const int polled = ::poll(&ready, 1, wait);
        if (polled < 0 && errno == EINTR) continue;
        if (polled == 0) return Error("the server does not answer on " + path, ETIMEDOUT);
        char buffer[4096];
        const ssize_t got = ::read(fd.get(), buffer, sizeof(buffer));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        received.append(buffer, static_cast<std::size_t>(got));
    }

    ControlAnswer answer;
    if (received.ends_with(kSuccess)) {
        answer.success = true;
        received.resize(received.size() - kSuccess.size());
    } else if (received.ends_with(kFailure)) {
        received.resize(received.size() - kFailure.size());
    } else {
        return Error("the server went away before it answered", ECONNRESET);
    }
    for (std::string_view rest = received; rest.size() > 2;) {
        const std::size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
        answer.text.append(rest.substr(2, end - 2));
        rest.remove_prefix(end);
    }
    return answer;
}

}  // namespace berth
