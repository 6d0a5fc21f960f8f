// The collection of listening addresses, and the rule that one socket has one protocol and one set of
// options.
#include "event/listening.hpp"

#include "core/config/loader.hpp"
#include "core/cycle.hpp"
#include "core/module.hpp"
#include "event/events_module.hpp"

namespace berth {

namespace {

std::string place(const Origin& at) {
    if (at.source == nullptr) return {};
    return " (first at " + at.source->path + ":" + std::to_string(at.line) + ")";
}

}  // namespace

Result<Listening::Entry*> Listening::add(const Address& address, const ListenOptions* options,
                                         Listener::OpenSession open, const Origin& at) {
    for (Entry& entry : entries) {
        if (entry.address != address) continue;
        if (entry.open != open) {
            return Error(address.to_text() + " is served by another protocol already" + place(entry.at));
        }
        if (options != nullptr && entry.has_options) {
            return Error("duplicate listen options for " + address.to_text() + place(entry.at));
        }
        if (options != nullptr) entry.options = *options;
        entry.has_options = entry.has_options || options != nullptr;
        return &entry;
    }
    Entry& entry = entries.emplace_back();
    entry.address = address;
    if (options != nullptr) entry.options = *options;
    entry.has_options = options != nullptr;
    entry.open = open;
    entry.at = at;
    return &entry;
}

const Listening::Entry* Listening::find(const Address& address) const noexcept {
    for (const Entry& entry : entries) {
        if (entry.address == address) return &entry;
    }
    return nullptr;
}

void Listening::finish(Loader& loader) {
    const Strategy usual = *loader.cycle().own<EventsConf>().accept_strategy;
    for (Entry& entry : entries) {
        entry.strategy = entry.options.strategy.value_or(usual);
        const std::string reason = why_not(entry.strategy, entry.address);
        if (reason.empty()) continue;
        loader.error(entry.at, entry.address.to_text() + ": " + reason,
                     "write strategy=shared, strategy=handoff or strategy=proxy here");
    }
}

extern const Module listening;
extern const Module listening = {.name = "listening", .global = conf_of<Listening>()};

}  // namespace berth
