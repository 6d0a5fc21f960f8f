// The worker's side: what it has been lent.
#include "event/accept/lent_sockets.hpp"

#include <algorithm>
#include <array>

#include "core/text/number.hpp"
#include "event/accept/proxy.hpp"
#include "event/listening.hpp"
#include "event/process/channel.hpp"
#include "event/process/process_conf.hpp"
#include "event/process/worker.hpp"

namespace berth {

std::string SocketPlace::to_text() const {
    return std::to_string(item) + ' ' + std::to_string(slot) + ' ' + std::to_string(door);
}

bool SocketPlace::parse(std::string_view text, SocketPlace& into) {
    std::array<std::uint64_t, 3> numbers{};
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const std::size_t blank = text.find(' ');
        if ((blank == std::string_view::npos) != (i + 1 == numbers.size())) return false;
        const auto number = parse_unsigned(text.substr(0, blank), 0xffffffff);
        if (!number) return false;
        numbers[i] = *number;
        text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
    }
    if (numbers[1] >= kMostWorkers) return false;
    into = {static_cast<std::size_t>(numbers[0]), static_cast<unsigned>(numbers[1]),
            static_cast<std::uint32_t>(numbers[2])};
    return true;
}

struct LentSockets::Lent {
    SocketPlace place;
    FileDescriptor fd;
    std::unique_ptr<AcceptStrategy> acceptor;  // dies before the descriptor
};

LentSockets::LentSockets(Worker& worker, ListenerSet& listeners) noexcept
    : worker_(worker), listeners_(listeners) {}

LentSockets::~LentSockets() = default;

void LentSockets::clear() noexcept { sockets_.clear(); }

void LentSockets::take(Message& message) {
    SocketPlace place;
    if (!SocketPlace::parse(message.payload, place)) return;
    FileDescriptor socket = message.take_fd();
    if (!socket && !message.fd_lost) return let_go(place);
    auto item = std::ranges::find(listeners_.items(), place.item, &ListenerSet::Item::index);
    const Listening::Entry* entry =
        item != listeners_.items().end() ? worker_.cycle().conf<Listening>().find(item->address) : nullptr;
    if (!socket || entry == nullptr || worker_.draining()) {
        worker_.tell_master(MessageType::watch, place.to_text());
        return;
    }
    let_go(place);
    auto lent = std::make_unique<Lent>(Lent{place, std::move(socket), nullptr});
    ListenerCounters& counters = worker_.row().listener(item->index);
    if (place.door == 0) {
        lent->acceptor =
            make_shared_strategy(worker_, *item->listener, lent->fd.get(), counters, Waking::one);
    } else {
        lent->acceptor = make_behind_front_strategy(worker_, *entry, *item, place.slot, lent->fd.get());
    }
    lent->acceptor->arm();
    sockets_.push_back(std::move(lent));
}

// What the kernel has woken us for is taken before, or nobody else would look for it.
void LentSockets::let_go(const SocketPlace& place) {
    for (auto& lent : sockets_) {
        if (lent->place != place) continue;
        lent->acceptor->pause();
        lent->acceptor->nudge();
        lent.reset();
    }
    std::erase(sockets_, nullptr);
}

void LentSockets::nudge() {
    for (auto& lent : sockets_) lent->acceptor->nudge();
}

void LentSockets::pause() noexcept {
    for (auto& lent : sockets_) lent->acceptor->pause();
}

}  // namespace berth
