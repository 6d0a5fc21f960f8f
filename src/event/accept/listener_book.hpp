// ListenerBook: the listening sockets that workers ask for while they run (Node's queryServer).
#pragma once

#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "event/accept/handoff_engine.hpp"
#include "event/accept/handoff_message.hpp"
#include "event/listener.hpp"

namespace berth {

// A key (address, port, family, descriptor, index) names a socket: whoever asks for the same key gets the
// same one. What the first asker wants of the socket counts, and a port that the kernel chose for him is the
// port of all. When it cannot be opened, he is told why and the key is forgotten, so that another may try.
class ListenerBook {
 public:
    // The engine outlives the book. `counters` are those of all its listeners.
    ListenerBook(HandoffEngine& engine, ListenerCounters& counters);
    ListenerBook(const ListenerBook&) = delete;
    ListenerBook& operator=(const ListenerBook&) = delete;
    ~ListenerBook();

    // How many keys one asker may have; and how long a socket is kept open that no asker is left of, because
    // all of them died and start again.
    void limit(std::size_t keys, Duration hold) noexcept {
        most_ = keys;
        hold_ = hold;
    }

    // `asker` wants a share of the connections, from now on or, unless `online`, from join() on. An error's
    // code is the errno; EMFILE when it has as many keys as it may.
    Result<ListenAnswer> ask(const ListenQuestion& question, HandoffTarget& asker, bool online);
    // All that it asked for is its to serve from now on.
    void join(HandoffTarget& asker);
    // It no longer wants that one; when it was the last one to, the socket is closed.
    void leave(const ListenQuestion& question, HandoffTarget& asker);
    // It is leaving or gone: it wants none of them.
    void forget(HandoffTarget& asker);
    // The number of a listener of the engine, as the answers had it.
    static std::uint32_t number(const HandoffListener& listener) noexcept {
        return static_cast<std::uint32_t>(listener.index());
    }

    std::size_t size() const noexcept { return entries_.size(); }

    // For the next binary: its workers that ask for the same keys get the same sockets. inherit() takes what
    // inheritance() wrote, once keep_over_exec() was called in between, by the child that became that binary.
    // What nobody asks for in time is closed there.
    std::string inheritance() const;
    void keep_over_exec() const;
    Result<void> inherit(std::string_view text);

    // Without a word to the engine, which has been told to close or to abandon all already. The paths of unix
    // sockets stay for the process that goes on with them: remove_unix_paths() is for the last one.
    void close_sockets() noexcept;
    void remove_unix_paths() const noexcept;

 private:
    struct Entry {
        explicit Entry(const ListenQuestion& question);
        void remove_path() const noexcept;
        Address address;  // as it was asked for
        std::int32_t fd;
        std::uint32_t index;
        Listener socket;
        HandoffListener* listener = nullptr;  // none: inherited, and nobody has asked for it yet
        std::vector<HandoffTarget*> askers;
    };

    static bool asks(const Entry& entry, const HandoffTarget& asker) noexcept;
    Entry* find(const ListenQuestion& question) noexcept;
    Result<Entry*> open(const ListenQuestion& question);
    bool inherit_one(std::string_view text);
    void serve(Entry& entry);
    void close(Entry& entry);
    void sweep();

    HandoffEngine& engine_;
    ListenerCounters& counters_;
    std::size_t most_ = 64;
    Duration hold_{10'000};
    std::uint32_t next_ = kDynamicListeners;
    std::list<Entry> entries_;
    Timer sweep_;
};

}  // namespace berth
