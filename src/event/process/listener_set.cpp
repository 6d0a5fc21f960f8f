// Which sockets are kept, which are opened, and which are closed when the configuration changes.
#include "event/process/listener_set.hpp"

#include <sys/socket.h>

#include <algorithm>

#include "core/text/number.hpp"

namespace berth {

namespace {

bool is_listening(int fd) {
    int on = 0;
    socklen_t length = sizeof(on);
    return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &length) == 0 && on != 0;
}

}  // namespace

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

std::string ListenerSet::inheritance() const {
    std::string all;
    for (const Item& item : items_) {
        if (item.listener->listening()) all += std::to_string(item.listener->fd()) + ';';
    }
    return all;
}

void ListenerSet::keep_over_exec() const {
    for (const Item& item : items_) {
        if (item.listener->listening()) static_cast<void>(set_cloexec(item.listener->fd(), false));
    }
}

Result<void> ListenerSet::prepare(const Listening& wanted) {
    const std::size_t first_new = items_.size();
    for (const Listening::Entry& entry : wanted.entries) {
        Result<void> opened = open(entry);
        if (opened) continue;
        undo(first_new);
        return opened;
    }
    return {};
}

Result<void> ListenerSet::open(const Listening::Entry& entry) {
    if (find(entry.address) != nullptr) return {};
    ListenOptions options = entry.options;
    options.strategy = entry.strategy;
    auto listener = std::make_unique<Listener>(entry.address, options);
    auto inherited = std::ranges::find(inherited_, entry.address, &Inherited::address);
    Result<void> ready;
    if (inherited != inherited_.end()) {
        ready = listener->adopt(std::move(inherited->fd));
        if (!ready) return inherited->fd = listener->release(), ready;
        inherited_.erase(inherited);
    } else {
        ready = listener->bind_and_listen();
    }
    if (!ready) return ready;
    items_.push_back({entry.address, entry.strategy, std::move(listener), next_index_++});
    return {};
}

Result<void> ListenerSet::apply_options(const Listening& wanted) {
    Result<void> outcome;
    for (const Listening::Entry& entry : wanted.entries) {
        Item* item = find(entry.address);
        if (item == nullptr || !item->listener->listening()) continue;
        if (Result<void> changed = item->listener->change_options(entry.options); !changed) outcome = changed;
    }
    return outcome;
}

// An inherited socket must not be lost by a configuration that fails afterwards.
void ListenerSet::undo(std::size_t first_new) {
    while (items_.size() > first_new) {
        Listener& listener = *items_.back().listener;
        if (listener.inherited()) {
            inherited_.push_back({listener.address(), listener.release()});
        } else {
            listener.remove_unix_path();
        }
        items_.pop_back();
    }
}

void ListenerSet::retire(const Listening& wanted, bool keep_paths) {
    inherited_.clear();
    for (Item& item : items_) {
        if (wanted.find(item.address) != nullptr) continue;
        if (!keep_paths) item.listener->remove_unix_path();
        item.listener->close();
        retired_.push_back(std::move(item.listener));
    }
    std::erase_if(items_, [](const Item& item) { return item.listener == nullptr; });
}

ListenerSet::Item* ListenerSet::find(const Address& address) noexcept {
    for (Item& item : items_) {
        if (item.address == address) return &item;
    }
    return nullptr;
}

void ListenerSet::close() {
    for (Item& item : items_) item.listener->close();
    inherited_.clear();
}

void ListenerSet::remove_unix_paths(bool inherited_too) const noexcept {
    for (const Item& item : items_) {
        if (inherited_too || !item.listener->inherited()) item.listener->remove_unix_path();
    }
}

}  // namespace berth
