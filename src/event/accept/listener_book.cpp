// Opening, sharing and closing what was asked for.
#include "event/accept/listener_book.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include "core/text/number.hpp"

namespace berth {

namespace {

ListenOptions options_of(const ListenQuestion& question) {
    ListenOptions options;
    options.backlog = question.backlog;
    options.ipv6_only = question.ipv6_only;
    options.unix_mode = question.unix_mode;
    return options;
}

}  // namespace

ListenerBook::Entry::Entry(const ListenQuestion& question)
    : address(question.address),
      fd(question.fd),
      index(question.index),
      socket(fd < 0 ? address : Address::of_socket(fd), options_of(question)) {}

bool ListenerBook::asks(const Entry& entry, const HandoffTarget& asker) noexcept {
    return std::ranges::find(entry.askers, &asker) != entry.askers.end();
}

// That of a descriptor was there before.
void ListenerBook::Entry::remove_path() const noexcept {
    if (fd < 0) socket.remove_unix_path();
}

ListenerBook::ListenerBook(HandoffEngine& engine, ListenerCounters& counters)
    : engine_(engine), counters_(counters), sweep_(Callback<>::to<&ListenerBook::sweep>(*this)) {}

ListenerBook::~ListenerBook() = default;

Result<ListenAnswer> ListenerBook::ask(const ListenQuestion& question, HandoffTarget& asker, bool online) {
    Entry* entry = find(question);
    const auto keys = std::ranges::count_if(entries_, [&](const Entry& one) { return asks(one, asker); });
    if (static_cast<std::size_t>(keys) >= most_ && (entry == nullptr || !asks(*entry, asker))) {
        return Error("it has asked for " + std::to_string(keys) + " already (handoff_listens)", EMFILE);
    }
    if (entry == nullptr) {
        Result<Entry*> opened = open(question);
        if (!opened) return opened.error();
        entry = *opened;
    }
    if (!asks(*entry, asker)) entry->askers.push_back(&asker);
    serve(*entry);
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
    return &entry;
}

void ListenerBook::serve(Entry& entry) {
    if (entry.listener != nullptr) return;
    entry.listener = &engine_.open(entry.socket.fd(), next_++, entry.socket.address().to_text(), counters_);
}

void ListenerBook::join(HandoffTarget& asker) {
    for (Entry& entry : entries_) {
        if (asks(entry, asker)) engine_.join(*entry.listener, asker);
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
    if (entry.listener != nullptr) engine_.close(*entry.listener);
    // While nobody has asked for it, it may be the other binary's still.
    if (entry.listener != nullptr) entry.remove_path();
    entries_.remove_if([&](const Entry& one) { return &one == &entry; });
}

// A line for each: "DESCRIPTOR INDEX BACKLOG ADDRESS". Those of descriptors are not meant for others.
std::string ListenerBook::inheritance() const {
    std::string text;
    for (const Entry& entry : entries_) {
        if (entry.fd >= 0) continue;
        for (const std::uint64_t number :
             {static_cast<std::uint64_t>(entry.socket.fd()), std::uint64_t{entry.index},
              static_cast<std::uint64_t>(entry.socket.options().backlog)}) {
            text += std::to_string(number) + ' ';
        }
        text += entry.address.to_text() + '\n';
    }
    return text;
}

void ListenerBook::keep_over_exec() const {
    for (const Entry& entry : entries_) {
        if (entry.fd < 0) static_cast<void>(set_cloexec(entry.socket.fd(), false));
    }
}

Result<void> ListenerBook::inherit(std::string_view text) {
    Result<void> outcome;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (inherit_one(line)) continue;
        outcome = Error("invalid inherited socket \"" + std::string(line) + '"');
    }
    if (!entries_.empty()) sweep_.start(engine_.loop(), hold_);
    return outcome;
}

bool ListenerBook::inherit_one(std::string_view text) {
    std::array<int, 3> numbers{};
    for (int& number : numbers) {
        const std::size_t blank = text.find(' ');
        const auto read = parse_unsigned(text.substr(0, blank), 0x7fffffff);
        if (!read || blank == std::string_view::npos) return false;
        number = static_cast<int>(*read);
        text.remove_prefix(blank + 1);
    }
    const Result<Address> address = Address::parse(text);
    if (!address || numbers[0] <= 2 || !is_listening(numbers[0])) return false;
    ListenQuestion question;
    question.address = *address;
    question.index = static_cast<std::uint32_t>(numbers[1]);
    question.backlog = numbers[2];
    Entry& entry = entries_.emplace_back(question);
    if (entry.socket.adopt(FileDescriptor(numbers[0]))) return true;
    entries_.pop_back();
    return false;
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
