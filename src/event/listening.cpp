// The collection of listening addresses, and the rule that one socket has one protocol and one set of
// options.
#include "event/listening.hpp"

#include "core/config/loader.hpp"
#include "core/cycle.hpp"
#include "core/module.hpp"
#include "event/accept/worker_listen.hpp"
#include "event/events_module.hpp"
#include "event/process/process_conf.hpp"

namespace berth {

namespace {

std::string place(const Origin& at) {
    if (at.source == nullptr) return {};
    return " (first at " + at.source->path + ":" + std::to_string(at.line) + ")";
}

// Who accepts for others reads nothing of what a client sends.
void check_balance(Loader& loader, const Listening::Entry& entry) {
    const bool chosen = entry.strategy == Strategy::handoff || entry.strategy == Strategy::proxy;
    if (!chosen) {
        if (!entry.options.balance) return;
        return loader.error(entry.at,
                            entry.address.to_text() + ": \"balance\" says nothing about strategy \"" +
                                std::string(to_text(entry.strategy)) + "\", where the kernel chooses",
                            "write strategy=handoff or strategy=proxy here, or leave balance= out");
    }
    if (entry.balance != AcceptBalance::ip_hash) return;
    if (entry.proxy_protocol) {
        loader.error(entry.at,
                     entry.address.to_text() +
                         ": balance \"ip_hash\" cannot be used with \"proxy_protocol\": whoever chooses the "
                         "worker reads nothing, and sees only the address of the proxy in front",
                     "write balance=round_robin, balance=least_conn or balance=random here");
    } else if (entry.address.is_unix()) {
        loader.error(entry.at,
                     entry.address.to_text() +
                         ": balance \"ip_hash\" cannot be used on a unix socket: its clients have no address",
                     "write balance=round_robin, balance=least_conn or balance=random here");
    }
}

void check_worker_listen(Loader& loader, const Listening::Entry& entry) {
    if (!entry.options.worker_listen || entry.strategy == Strategy::proxy) return;
    loader.error(entry.at,
                 entry.address.to_text() + ": \"worker_listen\" says nothing about strategy \"" +
                     std::string(to_text(entry.strategy)) + "\", where workers have no address of their own",
                 "write strategy=proxy here, or leave worker_listen= out");
}

// Once for a `listen`, however many ports that has.
void warn_of_single_process(Loader& loader, const std::deque<Listening::Entry>& entries) {
    if (*loader.cycle().own<ProcessConf>().master_process) return;
    const Listening::Entry* warned = nullptr;
    for (const Listening::Entry& entry : entries) {
        if (entry.strategy == Strategy::shared) continue;
        if (warned != nullptr && warned->is_of_one_listen_with(entry)) continue;
        warned = &entry;
        loader.warning(entry.at,
                       entry.address.to_text() + ": strategy \"" + std::string(to_text(entry.strategy)) +
                           "\" is not used with \"master_process off\"",
                       "the one process there is accepts everything itself, as with strategy=shared");
    }
}

}  // namespace

Result<Listening::Entry*> Listening::add(const Address& address, const ListenOptions* options,
                                         Listener::OpenSession open, const Origin& at) {
    Entry*& known = by_address_[address];
    if (known == nullptr) {
        known = &entries.emplace_back();
        known->address = address;
        known->open = open;
        known->at = at;
    }
    if (known->open != open) {
        return Error(address.to_text() + " is served by another protocol already" + place(known->at));
    }
    if (options != nullptr && known->has_options) {
        return Error("duplicate listen options for " + address.to_text() + place(known->at));
    }
    if (options != nullptr) known->options = *options;
    known->has_options = known->has_options || options != nullptr;
    return known;
}

const Listening::Entry* Listening::find(const Address& address) const noexcept {
    const auto known = by_address_.find(address);
    return known != by_address_.end() ? known->second : nullptr;
}

void Listening::finish(Loader& loader) {
    const auto& events = loader.cycle().own<EventsConf>();
    for (Entry& entry : entries) {
        entry.strategy = entry.options.strategy.value_or(*events.accept_strategy);
        entry.balance = entry.options.balance.value_or(*events.accept_balance);
        if (const std::string reason = why_not(entry.strategy, carried_by(entry.address)); !reason.empty()) {
            loader.error(entry.at, entry.address.to_text() + ": " + reason,
                         "write strategy=shared, strategy=handoff or strategy=proxy here");
        }
        check_balance(loader, entry);
        check_worker_listen(loader, entry);
    }
    warn_of_single_process(loader, entries);
    settle_worker_addresses(loader, *this);
}

extern const Module listening;
extern const Module listening = {.name = "listening", .global = conf_of<Listening>()};

}  // namespace berth
