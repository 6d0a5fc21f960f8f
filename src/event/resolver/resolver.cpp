// What is known of names, what is asked, and who waits for it.
#include "event/resolver/resolver.hpp"

#include <algorithm>

#include "core/text/ascii.hpp"
#include "core/time/clock.hpp"
#include "event/resolver/hosts.hpp"

namespace berth {

namespace {

// So many times as long as a failure is remembered, DNS is known to have failed.
constexpr int kLately = 5;

DnsResult result_of(int status) noexcept {
    switch (status) {
        case ARES_SUCCESS: return DnsResult::found;
        case ARES_ENODATA:
        case ARES_ENOTFOUND: return DnsResult::not_found;
        case ARES_EFORMERR: return DnsResult::format_error;
        case ARES_ESERVFAIL: return DnsResult::server_failure;
        case ARES_ENOTIMP: return DnsResult::unimplemented;
        case ARES_EREFUSED: return DnsResult::refused;
        case ARES_ETIMEOUT: return DnsResult::timed_out;
        default: return DnsResult::failed;
    }
}

constexpr std::size_t kRounds = 6;

void add(std::atomic<std::uint64_t>& counter, std::uint64_t number = 1) noexcept {
    counter.fetch_add(number, std::memory_order_relaxed);
}

}  // namespace

// One question under way; c-ares has it until it is answered.
struct Resolver::Question {
    Entry* entry;
    RecordType type;
    std::size_t channel;                   // whom it was asked first
    std::size_t attempts = 0;              // that ended
    bool waited = false;                   // somebody did not answer in time
    DnsResult refusal = DnsResult::found;  // what somebody said instead of an answer
};

Resolver::Resolver(EventLoop& loop, const ResolverOptions& options, ResolverCounters& counters)
    : loop_(loop), options_(options), counters_(counters) {
    if (options_.valid > Duration::zero()) options_.failure = std::min(options_.failure, options_.valid);
}

Result<std::unique_ptr<Resolver>> Resolver::create(EventLoop& loop, const ResolverOptions& options,
                                                   ResolverCounters& counters) {
    std::unique_ptr<Resolver> resolver(new Resolver(loop, options, counters));
    Result<std::vector<std::unique_ptr<DnsChannel>>> channels = DnsChannel::create_all(loop, options);
    if (!channels) return channels.error();
    resolver->channels_ = *std::move(channels);
    if (options.servers.empty()) resolver->hosts_ = read_hosts("/etc/hosts");
    return resolver;
}

Resolver::~Resolver() {
    channels_.clear();  // ends all questions, which know their entries
}

// --- who asks

Resolver::Wait Resolver::look_up(Lookup kind, std::string_view name, Duration timeout) {
    return Wait(*this, begin(kind, name), timeout, false);
}

Resolver::Wait Resolver::look_up_soon(Lookup kind, std::string_view name, Duration timeout) {
    return Wait(*this, begin(kind, name), timeout, true);
}

Resolver::Asked Resolver::begin(Lookup kind, std::string_view name) {
    add(counters_.asked);
    if (!is_host_name(name)) return {nullptr, DnsResult::not_found};
    Entry* entry = entry_of({kind, ascii::lowercase(name)});
    if (entry == nullptr) return {nullptr, DnsResult::failed};
    by_use_.push_back(*entry);
    if (entry->pending > 0) {
        add(counters_.joined);
    } else if (loop_.now() < entry->valid_until) {
        add(counters_.cached);
    } else if (!know_from_hosts(*entry)) {
        ask(*entry);
    }
    return {entry};
}

Resolver::Entry* Resolver::entry_of(const Key& key) {
    const auto found = entries_.find(key);
    if (found != entries_.end()) return found->second.get();
    if (entries_.size() >= options_.names && !make_room()) return nullptr;
    return entries_.emplace(key, std::make_unique<Entry>(*this, key)).first->second.get();
}

// Forgets the name that was not asked for longest; false when all are being asked for.
bool Resolver::make_room() {
    for (const Entry& entry : by_use_) {
        if (entry.pins > 0 || entry.pending > 0) continue;
        entries_.erase(entries_.find(entry.key));
        return true;
    }
    return false;
}

Resolver::Wait::Wait(Resolver& resolver, Asked asked, Duration timeout, bool soon) noexcept
    : resolver_(resolver),
      entry_(asked.entry),
      timeout_(timeout),
      otherwise_(asked.otherwise),
      soon_(soon),
      timer_(Callback<>(&expired, this)) {
    if (entry_ != nullptr) ++entry_->pins;
}

Resolver::Wait::~Wait() {
    if (entry_ != nullptr) --entry_->pins;
}

bool Resolver::Wait::await_suspend(std::coroutine_handle<> waiting) {
    suspend(waiting);
    entry_->waiters.push_back(*this);
    timer_.start(resolver_.loop_, timeout_);
    return true;
}

void Resolver::Wait::expired(void* self) {
    auto& wait = *static_cast<Wait*>(self);
    wait.entry_->late = true;
    wait.cancel();
    resume(static_cast<Waiter*>(&wait));
}

DnsAnswer Resolver::Wait::await_resume() const {
    if (entry_ != nullptr) return resolver_.answer_of(*entry_);
    DnsAnswer none;
    none.result = otherwise_;
    return none;
}

DnsAnswer Resolver::answer_of(const Entry& entry) const {
    const bool in_vain = entry.pending > 0 && (entry.late || entry.result == DnsResult::found);
    const DnsResult result = in_vain ? DnsResult::timed_out : entry.result;
    DnsAnswer answer;
    if (result == DnsResult::found) {
        answer = entry.good;
        answer.ttl = std::max(entry.valid_until - loop_.now(), Duration(0));
        return answer;
    }
    if (result != DnsResult::not_found && loop_.now() < entry.good_until) {
        answer = entry.good;
        answer.stale = true;
    }
    answer.result = result;
    return answer;
}

// Whether DNS has not answered lately, and an old answer can be given instead.
bool Resolver::has_stand_in(const Entry& entry) const noexcept {
    const TimePoint now = loop_.now();
    const bool failed =
        entry.result != DnsResult::found && now < entry.valid_until + kLately * options_.failure;
    return (entry.late || failed) && now < entry.good_until;
}

// --- what is asked

bool Resolver::know_from_hosts(Entry& entry) {
    if (entry.key.first != Lookup::address) return false;
    const auto [begin, end] = hosts_.equal_range(entry.key.second);
    DnsAnswer answer;
    for (auto each = begin; each != end; ++each) {
        const bool wanted = each->second.is_ipv4() ? options_.ipv4 : options_.ipv6;
        if (wanted && answer.addresses.size() < options_.addresses) answer.addresses.push_back(each->second);
    }
    if (!answer.usable()) return false;
    answer.ttl = options_.longest;
    entry.coming = std::move(answer);
    entry.worst = DnsResult::found;
    settle(entry);
    return true;
}

void Resolver::ask(Entry& entry) {
    entry.coming = DnsAnswer();
    entry.coming.ttl = options_.longest;
    entry.worst = DnsResult::found;
    entry.late = false;
    std::vector<RecordType> types;
    if (entry.key.first == Lookup::service) {
        types = {RecordType::srv};
    } else {
        if (options_.ipv4) types.push_back(RecordType::a);
        if (options_.ipv6) types.push_back(RecordType::aaaa);
    }
    // Some answers come before send() returns: so all are counted first.
    entry.pending = static_cast<unsigned>(types.size());
    const std::size_t channel = next_channel_++ % channels_.size();
    for (const RecordType type : types) send(std::make_unique<Question>(Question{&entry, type, channel}));
}

void Resolver::send(std::unique_ptr<Question> question) {
    DnsChannel& channel = *channels_[(question->channel + question->attempts) % channels_.size()];
    const std::string& name = question->entry->key.second;
    const RecordType type = question->type;
    channel.ask(name, type, answered, question.release());
}

void Resolver::answered(void* argument, int status, int, unsigned char* bytes, int length) {
    std::unique_ptr<Question> question(static_cast<Question*>(argument));
    if (status == ARES_EDESTRUCTION) return;
    const std::string_view message(reinterpret_cast<const char*>(bytes),
                                   bytes == nullptr ? 0 : static_cast<std::size_t>(length));
    Entry& entry = *question->entry;
    Resolver& resolver = entry.resolver;
    DnsResult result = result_of(status);
    if (result == DnsResult::found) result = resolver.read(*question, message);
    if (result != DnsResult::found && resolver.ask_another(question, result)) return;
    if (result == DnsResult::timed_out && question->refusal != DnsResult::found) result = question->refusal;
    resolver.take(entry, result);
}

// What a server said instead of an answer is no reason to believe that another has none.
bool Resolver::ask_another(std::unique_ptr<Question>& question, DnsResult result) {
    if (result == DnsResult::not_found) return false;
    if (result == DnsResult::timed_out) {
        question->waited = true;
    } else {
        question->refusal = result;
    }
    const std::size_t most = channels_.size() * (question->waited ? kRounds : 1);
    if (++question->attempts >= most) return false;
    send(std::move(question));
    return true;
}

DnsResult Resolver::read(const Question& question, std::string_view bytes) {
    Result<DnsRecords> records = parse_dns_message(bytes, question.type, options_.addresses);
    if (!records) return DnsResult::failed;
    DnsAnswer& coming = question.entry->coming;
    add(counters_.dropped, records->dropped);
    if (records->addresses.empty() && records->services.empty()) return DnsResult::not_found;
    for (Address& address : records->addresses) {
        if (coming.addresses.size() < options_.addresses) {
            coming.addresses.push_back(std::move(address));
        } else {
            add(counters_.dropped);
        }
    }
    coming.services = std::move(records->services);
    coming.ttl = std::min(coming.ttl, std::chrono::milliseconds(std::chrono::seconds(records->ttl)));
    return DnsResult::found;
}

void Resolver::take(Entry& entry, DnsResult result) {
    add(counters_.results[static_cast<std::size_t>(result)]);
    if (result == DnsResult::found) counters_.last_success.store(monotonic_ms(), std::memory_order_relaxed);
    // Of two, what may pass counts for more than that there is nothing: the name may be there.
    if (result == DnsResult::not_found) {
        if (entry.worst == DnsResult::found) entry.worst = result;
    } else if (result != DnsResult::found) {
        entry.worst = result;
        entry.coming.incomplete = true;
    }
    if (--entry.pending == 0) settle(entry);
}

void Resolver::settle(Entry& entry) {
    const TimePoint now = loop_.now();
    entry.result = entry.coming.usable() ? DnsResult::found : entry.worst;
    if (entry.result == DnsResult::found) {
        entry.good = std::move(entry.coming);
        entry.good_until = now + valid_for(entry) + options_.stale;
    }
    // What was before a name was gone does not come back when DNS fails later.
    if (entry.result == DnsResult::not_found) entry.good_until = now;
    entry.valid_until = now + valid_for(entry);
    while (Task* waiter = entry.waiters.pop_front()) loop_.post(*waiter);
}

Duration Resolver::valid_for(const Entry& entry) const noexcept {
    if (entry.result != DnsResult::found || entry.good.incomplete) return options_.failure;
    if (options_.valid > Duration::zero()) return options_.valid;
    return std::clamp(entry.good.ttl, options_.shortest, options_.longest);
}

}  // namespace berth
