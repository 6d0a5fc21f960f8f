// The worker's side: its own socket, and those it has been lent.
#include "event/accept/reuseport.hpp"

#include <algorithm>
#include <utility>

#include "core/text/number.hpp"
#include "event/process/channel.hpp"
#include "event/process/process_conf.hpp"
#include "event/process/worker.hpp"

namespace berth {

// The workers of two generations watch a slot's socket for a moment, in turns as with any shared one.
std::unique_ptr<AcceptStrategy> make_reuseport_strategy(Worker& worker, ListenerSet::Item& item,
                                                        ListenerCounters& counters) {
    const Listener& own = *item.group_socket(worker.slot());
    return make_shared_strategy(worker, *item.listener, own.fd(), counters, Waking::one);
}

std::string GroupPlace::to_text() const { return std::to_string(item) + ' ' + std::to_string(slot); }

bool GroupPlace::parse(std::string_view text, GroupPlace& into) {
    const std::size_t blank = text.find(' ');
    if (blank == std::string_view::npos) return false;
    const auto item = parse_unsigned(text.substr(0, blank));
    const auto slot = parse_unsigned(text.substr(blank + 1), kMostWorkers);
    if (!item || !slot) return false;
    into = {static_cast<std::size_t>(*item), static_cast<unsigned>(*slot)};
    return true;
}

struct LentSockets::Lent {
    GroupPlace place;
    FileDescriptor fd;
    std::unique_ptr<AcceptStrategy> acceptor;  // dies before the descriptor
};

LentSockets::LentSockets(Worker& worker, ListenerSet& listeners) noexcept
    : worker_(worker), listeners_(listeners) {}

LentSockets::~LentSockets() = default;

void LentSockets::clear() noexcept { sockets_.clear(); }

void LentSockets::take(Message& message) {
    GroupPlace place;
    if (!GroupPlace::parse(message.payload, place)) return;
    if (!message.fd && !message.fd_lost) return let_go(place);
    auto item = std::ranges::find(listeners_.items(), place.item, &ListenerSet::Item::index);
    const bool served =
        item != listeners_.items().end() && worker_.cycle().conf<Listening>().find(item->address) != nullptr;
    if (!message.fd || !served || worker_.draining()) {
        worker_.tell_master(MessageType::watch, place.to_text());
        return;
    }
    let_go(place);
    auto lent = std::make_unique<Lent>(Lent{place, std::move(message.fd), nullptr});
    ListenerCounters& counters = worker_.row().listener(item->index);
    lent->acceptor = make_shared_strategy(worker_, *item->listener, lent->fd.get(), counters, Waking::one);
    lent->acceptor->arm();
    sockets_.push_back(std::move(lent));
}

// What the kernel has woken us for is taken before, or nobody else would look for it.
void LentSockets::let_go(const GroupPlace& place) {
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
