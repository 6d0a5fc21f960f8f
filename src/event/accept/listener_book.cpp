// Opening, sharing and closing what was asked for.
#include "event/accept/listener_book.hpp"

#include <algorithm>
#include <cerrno>

namespace berth {

namespace {

ListenOptions options_of(const ListenQuestion& question) {
    ListenOptions options;
    options.backlog = question.backlog;
    options.ipv6_only = question.ipv6_only;
    return options;
}

}  // namespace

ListenerBook::Entry::Entry(const ListenQuestion& question)
    : address(question.address),
      fd(question.fd),
      index(question.index),
      socket(fd < 0 ? address : Address::of_socket(fd), options_of(question)) {}

// That of a descriptor was there before.
void ListenerBook::Entry::remove_path() const noexcept {
    if (fd < 0) socket.remove_unix_path();
}

ListenerBook::ListenerBook(HandoffEngine& engine, ListenerCounters& counters)
    : engine_(engine), counters_(counters), sweep_(Callback<>::to<&ListenerBook::sweep>(*this)) {}

ListenerBook::~ListenerBook() = default;

Result<ListenAnswer> ListenerBook::ask(const ListenQuestion& question, HandoffTarget& asker, bool online) {
    Entry* entry = find(question);
    if (entry == nullptr) {
        Result<Entry*> opened = open(question);
        if (!opened) return opened.error();
        entry = *opened;
    }
    if (std::ranges::find(entry->askers, &asker) == entry->askers.end()) entry->askers.push_back(&asker);
    if (online) engine_.join(*entry->listener, asker);
    ListenAnswer answer;
    answer.number = question.number;
    answer.listener = number(*entry->listener);
    answer.address = entry->socket.address();
    return answer;
}

ListenerBook::Entry* ListenerBook::find(const ListenQuestion& question) noexcept {
    auto found = std::ranges::find_if(entries_, [&](const Entry& entry) {
        return entry.address == question.address && entry.fd == question.fd && entry.index == question.index;
    });
    return found == entries_.end() ? nullptr : &*found;
}

Result<ListenerBook::Entry*> ListenerBook::open(const ListenQuestion& question) {
    Entry& entry = entries_.emplace_back(question);
    Result<void> ready;
    if (question.fd < 0) {
        ready = entry.socket.bind_and_listen();
    } else if (Result<FileDescriptor> copy = duplicate(question.fd)) {
        ready = entry.socket.adopt(*std::move(copy));
    } else {
        ready = copy.error();
    }
    if (!ready) return entries_.pop_back(), ready.error();
    entry.listener = &engine_.open(entry.socket.fd(), next_++, entry.socket.address().to_text(), counters_);
    return &entry;
}

void ListenerBook::join(HandoffTarget& asker) {
    for (Entry& entry : entries_) {
        if (std::ranges::find(entry.askers, &asker) != entry.askers.end())
            engine_.join(*entry.listener, asker);
    }
}

void ListenerBook::leave(const ListenQuestion& question, HandoffTarget& asker) {
    Entry* entry = find(question);
    if (entry == nullptr || std::erase(entry->askers, &asker) == 0) return;
    engine_.leave(*entry->listener, asker);
    if (entry->askers.empty()) close(*entry);
}

void ListenerBook::forget(HandoffTarget& asker) {
    bool alone = false;
    for (Entry& entry : entries_)
        alone = (std::erase(entry.askers, &asker) > 0 && entry.askers.empty()) || alone;
    if (alone) sweep_.start(engine_.loop(), hold_);
}

void ListenerBook::sweep() {
    for (auto entry = entries_.begin(); entry != entries_.end();) {
        Entry& one = *entry++;
        if (one.askers.empty()) close(one);
    }
}

void ListenerBook::close(Entry& entry) {
    engine_.close(*entry.listener);
    entry.remove_path();
    entries_.remove_if([&](const Entry& one) { return &one == &entry; });
}

void ListenerBook::remove_unix_paths() const noexcept {
    for (const Entry& entry : entries_) entry.remove_path();
}

void ListenerBook::close_sockets() noexcept {
    sweep_.stop();
    for (Entry& entry : entries_) entry.socket.close();
    entries_.clear();
}

}  // namespace berth
