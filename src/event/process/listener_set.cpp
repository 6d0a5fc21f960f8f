// Which sockets are kept, which are opened, and which are closed when the configuration changes.
#include "event/process/listener_set.hpp"

#include <algorithm>
#include <iterator>

#include "core/text/number.hpp"
#include "event/process/scoreboard.hpp"

namespace berth {

Result<void> ListenerSet::inherit(std::string_view descriptors) {
    Result<void> outcome;
    while (!descriptors.empty()) {
        const std::size_t end = descriptors.find(';');
        const std::string_view one = descriptors.substr(0, end);
        descriptors.remove_prefix(end == std::string_view::npos ? descriptors.size() : end + 1);
        const auto number = parse_unsigned(one, 0x7fffffff);
        if (!number || *number <= 2 || !is_listening(static_cast<int>(*number))) {
            outcome = Error("invalid inherited socket \"" + std::string(one) + '"');
            continue;
        }
        Inherited inherited;
        inherited.fd = FileDescriptor(static_cast<int>(*number));
        inherited.address = Address::of_socket(inherited.fd.get());
        static_cast<void>(set_cloexec(inherited.fd.get()));
        inherited_.push_back(std::move(inherited));
    }
    return outcome;
}

Listener* ListenerSet::Item::group_socket(unsigned slot) const noexcept {
    if (slot == 0) return listener.get();
    auto found = std::ranges::find(group, slot, &SlotSocket::slot);
    return found == group.end() ? nullptr : found->listener.get();
}

Listener* ListenerSet::Item::private_socket(const Address& at) const noexcept {
    for (const SlotSocket& socket : privates) {
        if (socket.listener->address() == at) return socket.listener.get();
    }
    return nullptr;
}

std::vector<Listener*> ListenerSet::Item::sockets() const {
    std::vector<Listener*> all{listener.get()};
    for (const SlotSocket& socket : group) all.push_back(socket.listener.get());
    return all;
}

void ListenerSet::Item::count_in(ListenerCounters* counters) noexcept {
    listener->count_in(counters);
    for (SlotSocket& socket : group) socket.listener->count_in(counters);
    for (SlotSocket& socket : privates) socket.listener->count_in(counters);
}

std::vector<Listener*> ListenerSet::all() const {
    std::vector<Listener*> all;
    for (const Item& item : items_) {
        std::ranges::copy(item.sockets(), std::back_inserter(all));
        for (const SlotSocket& socket : item.privates) all.push_back(socket.listener.get());
    }
    return all;
}

std::string ListenerSet::inheritance() const {
    std::string text;
    for (const Listener* listener : all()) {
        if (listener->listening()) text += std::to_string(listener->fd()) + ';';
    }
    return text;
}

void ListenerSet::keep_over_exec() const {
    for (const Listener* listener : all()) {
        if (listener->listening()) static_cast<void>(set_cloexec(listener->fd(), false));
    }
}

Result<void> ListenerSet::prepare(const Listening& wanted, unsigned slots) {
    const std::size_t first_new = items_.size();
    Result<void> done;
    for (const Listening::Entry& entry : wanted.entries) {
        if (done) done = open(entry);
    }
    for (unsigned slot = 0; slot < slots && done; ++slot) done = provide(wanted, slot);
    if (!done) undo(first_new);
    return done;
}

Result<void> ListenerSet::open(const Listening::Entry& entry) {
    if (find(entry.address) != nullptr) return {};
    ListenOptions options = entry.options;
    options.strategy = entry.strategy;
    Item item{entry.address, entry.strategy, std::make_unique<Listener>(entry.address, options)};
    Result<bool> taken = take_inherited(*item.listener);
    if (!taken) return taken.error();
    if (!*taken) {
        if (Result<void> ready = item.listener->bind_and_listen(); !ready) return ready;
    }
    item.index = take_index(entry.address);
    by_address_[entry.address] = items_.size();
    items_.push_back(std::move(item));
    // The others of a group, in whatever strategy: connections may be waiting in them.
    for (unsigned slot = 1; *taken; ++slot) {
        auto further = std::make_unique<Listener>(entry.address, options);
        taken = take_inherited(*further);
        if (!taken) return taken.error();
        if (*taken) items_.back().group.push_back({slot, 0, std::move(further)});
    }
    return {};
}

// False when there is none for its address.
Result<bool> ListenerSet::take_inherited(Listener& listener) {
    auto inherited = std::ranges::find(inherited_, listener.address(), &Inherited::address);
    if (inherited == inherited_.end()) return false;
    if (Result<void> ready = listener.adopt(std::move(inherited->fd)); !ready) {
        inherited->fd = listener.release();
        return ready.error();
    }
    inherited_.erase(inherited);
    return true;
}

Result<void> ListenerSet::provide(const Listening& wanted, unsigned slot) {
    for (const Listening::Entry& entry : wanted.entries) {
        Item* item = find(entry.address);
        if (item == nullptr) continue;
        Result<void> done;
        if (entry.strategy == Strategy::reuseport) done = provide_group(*item, entry, slot);
        if (entry.strategy == Strategy::proxy) done = provide_private(*item, entry, slot);
        if (!done) return done;
    }
    return {};
}

Result<void> ListenerSet::provide_group(Item& item, const Listening::Entry& entry, unsigned slot) {
    if (Result<void> shared = item.listener->share_address(); !shared) return shared;
    if (item.group_socket(slot) != nullptr) return {};
    ListenOptions options = entry.options;
    options.strategy = entry.strategy;
    auto listener = std::make_unique<Listener>(item.listener->address(), options);
    if (Result<void> bound = listener->bind(); !bound) return bound;
    item.group.push_back({slot, 0, std::move(listener)});
    return {};
}

Result<void> ListenerSet::provide_private(Item& item, const Listening::Entry& entry, unsigned slot) {
    if (!entry.private_address) return {};
    const Address address = entry.private_address(slot);
    if (item.private_socket(address) != nullptr) return {};
    ListenOptions options;
    options.unix_mode = 0666;  // who may not come in does not get into its folder
    options.backlog = entry.options.backlog;
    auto listener = std::make_unique<Listener>(address, options);
    Result<bool> taken = take_inherited(*listener);
    if (!taken) return taken.error();
    if (!*taken) {
        if (Result<void> ready = listener->bind_and_listen(); !ready) return ready;
    }
    item.privates.push_back({slot, ++last_door_, std::move(listener)});
    return {};
}

void ListenerSet::serve(const Listening& wanted) {
    for (const Listening::Entry& entry : wanted.entries) {
        Item* item = find(entry.address);
        if (item == nullptr) continue;
        item->strategy = entry.strategy;
        // Other strategies look at one socket: what else is left of a group gets nothing new.
        if (!item->group.empty()) item->listener->take_all(entry.strategy != Strategy::reuseport);
    }
}

Result<void> ListenerSet::listen_slot(unsigned slot) {
    Result<void> outcome;
    for (const Item& item : items_) {
        if (item.strategy != Strategy::reuseport) continue;
        Listener* listener = item.group_socket(slot);
        if (listener == nullptr || !listener->has_socket() || listener->listening()) continue;
        if (Result<void> listens = listener->listen(); !listens) outcome = listens;
    }
    return outcome;
}

Result<void> ListenerSet::apply_options(const Listening& wanted) {
    Result<void> outcome;
    for (const Listening::Entry& entry : wanted.entries) {
        Item* item = find(entry.address);
        if (item == nullptr) continue;
        for (Listener* listener : item->sockets()) {
            if (Result<void> changed = listener->change_options(entry.options); !changed) outcome = changed;
        }
    }
    return outcome;
}

void ListenerSet::undo(std::size_t first_new) {
    while (items_.size() > first_new) {
        for (Listener* listener : items_.back().sockets()) give_back(*listener);
        for (const SlotSocket& socket : items_.back().privates) give_back(*socket.listener);
        close_index(items_.back(), true);
        by_address_.erase(items_.back().address);
        items_.pop_back();
    }
}

// An inherited socket must not be lost by a configuration that fails afterwards.
void ListenerSet::give_back(Listener& listener) {
    if (listener.inherited()) {
        inherited_.push_back({listener.address(), listener.release()});
    } else {
        listener.remove_unix_path();
    }
}

void ListenerSet::retire(const Listening& wanted, bool keep_paths, bool keep_doors) {
    inherited_.clear();
    for (Item& item : items_) {
        const Listening::Entry* entry = wanted.find(item.address);
        if (entry != nullptr) {
            retire_group(item, *entry);
            if (!keep_doors) retire_doors(item, *entry, keep_paths);
        } else {
            retire_item(item, keep_paths);
        }
    }
    std::erase_if(items_, [](const Item& item) { return item.listener == nullptr; });
    index_items();
}

void ListenerSet::index_items() {
    by_address_.clear();
    for (std::size_t i = 0; i < items_.size(); ++i) by_address_[items_[i].address] = i;
}

void ListenerSet::retire_item(Item& item, bool keep_paths) {
    const auto close = [&](std::unique_ptr<Listener> listener) {
        if (!keep_paths) listener->remove_unix_path();
        listener->close();
        retired_.push_back(std::move(listener));
    };
    close_index(item, false);
    close(std::move(item.listener));
    for (SlotSocket& socket : item.group) close(std::move(socket.listener));
    for (SlotSocket& socket : item.privates) close(std::move(socket.listener));
}

// Of a group only what was never let listen, for a configuration that was not applied.
void ListenerSet::retire_group(Item& item, const Listening::Entry& entry) {
    std::erase_if(item.group, [&](const SlotSocket& socket) {
        return entry.strategy != Strategy::reuseport && !socket.listener->listening();
    });
}

void ListenerSet::retire_doors(Item& item, const Listening::Entry& entry, bool keep_paths) {
    for (SlotSocket& socket : item.privates) {
        if (entry.strategy == Strategy::proxy && entry.private_address &&
            entry.private_address(socket.slot) == socket.listener->address()) {
            continue;
        }
        if (!keep_paths) socket.listener->remove_unix_path();
        socket.listener->close();
        retired_.push_back(std::move(socket.listener));
    }
    std::erase_if(item.privates, [](const SlotSocket& socket) { return socket.listener == nullptr; });
}

// Beyond the last place of their own they all count at one.
void ListenerSet::close_index(const Item& item, bool free) {
    if (item.index < ScoreboardRow::kListeners) closed_.push_back({item.address, item.index, free});
}

void ListenerSet::reuse_indices() noexcept {
    for (ClosedIndex& closed : closed_) closed.free = true;
}

// Who still counts at an index for the same address counts for it.
std::size_t ListenerSet::take_index(const Address& address) {
    auto taken = std::ranges::find(closed_, address, &ClosedIndex::address);
    if (taken == closed_.end() && next_index_ >= ScoreboardRow::kListeners) {
        taken = std::ranges::find(closed_, true, &ClosedIndex::free);
    }
    if (taken == closed_.end()) return next_index_++;
    const std::size_t index = taken->index;
    closed_.erase(taken);
    return index;
}

void ListenerSet::name_in(Scoreboard& scoreboard, std::optional<Strategy> strategy) const {
    for (const Item& item : items_) {
        scoreboard.name_listener(item.index, item.listener->address().to_text(),
                                 to_text(strategy.value_or(item.strategy)).data());
    }
}

ListenerSet::Item* ListenerSet::find(const Address& address) noexcept {
    const auto known = by_address_.find(address);
    return known != by_address_.end() ? &items_[known->second] : nullptr;
}

void ListenerSet::keep_own(const Listening& wanted, unsigned slot, ProcessRole role) {
    const bool front = role == ProcessRole::front;
    for (Item& item : items_) {
        const Listening::Entry* entry = wanted.find(item.address);
        const bool relayed = entry != nullptr && entry->strategy == Strategy::proxy;
        const Listener* own = nullptr;
        if (entry != nullptr && relayed == front) {
            own = entry->strategy == Strategy::reuseport ? item.group_socket(slot) : item.listener.get();
        }
        for (Listener* listener : item.sockets()) {
            if (listener != own) listener->close();
        }
        for (const SlotSocket& socket : item.privates) {
            const bool its = relayed && !front && entry->private_address(slot) == socket.listener->address();
            if (!its) socket.listener->close();
        }
    }
}

void ListenerSet::close() {
    for (Listener* listener : all()) listener->close();
    inherited_.clear();
}

void ListenerSet::remove_unix_paths(bool inherited_too) const noexcept {
    for (const Listener* listener : all()) {
        if (inherited_too || !listener->inherited()) listener->remove_unix_path();
    }
}

}  // namespace berth
