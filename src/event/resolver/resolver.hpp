// Resolver: names become addresses, without waiting on the loop: one of a worker for each set of DNS servers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/memory/intrusive_list.hpp"
#include "core/result.hpp"
#include "event/async/awaiters.hpp"
#include "event/resolver/answer.hpp"
#include "event/resolver/channel.hpp"
#include "event/resolver/options.hpp"

namespace berth {

// What a name is asked for.
enum class Lookup : std::uint8_t { address, service };  // A and AAAA; SRV

// Remembers answers as long as they hold (`valid`, or their TTL within bounds), failures for a short time.
// Those who ask for the same name at the same time wait for the same answer, and each may stop waiting: the
// question goes on, and its answer is remembered. An old answer is given out while DNS fails, but not when it
// says that there is no such name. Servers are asked in turn: the next one when one cannot or does not answer
// in time, and all again, for some rounds, when time was the reason.
class Resolver {
 public:
    // Before the loop runs (it may read /etc/resolv.conf and /etc/hosts). The loop and the counters outlive
    // it; the options are copied.
    static Result<std::unique_ptr<Resolver>> create(EventLoop& loop, const ResolverOptions& options,
                                                    ResolverCounters& counters);
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;
    // Nobody may wait any more.
    ~Resolver();

    class Wait;
    // DnsAnswer a = co_await resolver.look_up(Lookup::address, name, 5s);
    // At once if it is known. Not an IP address; what is no host name is not found.
    Wait look_up(Lookup kind, std::string_view name, Duration timeout);
    // The same for who would rather have an old answer at once than wait for a DNS that is known to fail.
    Wait look_up_soon(Lookup kind, std::string_view name, Duration timeout);

    // By who asked: so many addresses were more than it may have of one name.
    void count_dropped(std::size_t addresses) noexcept { counters_.dropped += addresses; }

    std::size_t names() const noexcept { return entries_.size(); }
    const ResolverOptions& options() const noexcept { return options_; }

 private:
    struct Question;
    using Key = std::pair<Lookup, std::string>;
    // One name, and everybody who waits for it.
    struct Entry {
        Entry(Resolver& owner, Key its_key) : resolver(owner), key(std::move(its_key)) {}

        Resolver& resolver;
        Key key;
        ListHook by_use;
        TaskList waiters;
        unsigned pins = 0;                     // those who have still to read it
        unsigned pending = 0;                  // questions under way
        bool late = false;                     // somebody has waited for them in vain
        DnsResult result = DnsResult::failed;  // of the last lookup
        DnsAnswer good;                        // the last that had something
        TimePoint good_until = TimePoint::min();
        TimePoint valid_until = TimePoint::min();
        DnsAnswer coming;  // what the questions under way have brought
        DnsResult worst = DnsResult::found;
    };

    Resolver(EventLoop& loop, const ResolverOptions& options, ResolverCounters& counters);
    // An entry, or why there is none.
    struct Asked {
        Entry* entry;
        DnsResult otherwise = DnsResult::found;
    };
    Asked begin(Lookup kind, std::string_view name);
    Entry* entry_of(const Key& key);
    bool make_room();
    bool know_from_hosts(Entry& entry);
    void ask(Entry& entry);
    void send(std::unique_ptr<Question> question);
    static void answered(void* argument, int status, int timeouts, unsigned char* bytes, int length);
    bool ask_another(std::unique_ptr<Question>& question, DnsResult result);
    DnsResult read(const Question& question, std::string_view bytes);
    void take(Entry& entry, DnsResult result);
    void settle(Entry& entry);
    Duration valid_for(const Entry& entry) const noexcept;
    DnsAnswer answer_of(const Entry& entry) const;
    bool has_stand_in(const Entry& entry) const noexcept;

    EventLoop& loop_;
    ResolverOptions options_;
    ResolverCounters& counters_;
    std::multimap<std::string, Address, std::less<>> hosts_;
    IntrusiveList<Entry, &Entry::by_use> by_use_;  // that not asked for longest first
    std::map<Key, std::unique_ptr<Entry>> entries_;
    std::vector<std::unique_ptr<DnsChannel>> channels_;  // one for each server
    std::size_t next_channel_ = 0;
};

class Resolver::Wait : public Waiter {
 public:
    Wait(Resolver& resolver, Asked asked, Duration timeout, bool soon) noexcept;
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    ~Wait();

    bool await_ready() const noexcept {
        return entry_ == nullptr || entry_->pending == 0 || (soon_ && resolver_.has_stand_in(*entry_));
    }
    bool await_suspend(std::coroutine_handle<> waiting);
    DnsAnswer await_resume() const;

 private:
    static void expired(void* self);

    Resolver& resolver_;
    Entry* entry_;
    Duration timeout_;
    DnsResult otherwise_;  // without an entry
    bool soon_;
    Timer timer_;
};

}  // namespace berth
