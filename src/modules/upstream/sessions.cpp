// A hash table whose entries are also a list by use.
#include "modules/upstream/sessions.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <new>

namespace berth::upstream {

// Followed in memory by the session's text and then the route's.
struct Sessions::Entry {
    Entry* next = nullptr;   // of the bucket
    Entry* older = nullptr;  // by use
    Entry* newer = nullptr;
    std::uint64_t hash = 0;
    std::uint64_t expires = 0;
    std::uint32_t session_size = 0;
    std::uint32_t route_size = 0;

    const char* text() const noexcept { return reinterpret_cast<const char*>(this + 1); }
    std::string_view session() const noexcept { return {text(), session_size}; }
    std::string_view route() const noexcept { return {text() + session_size, route_size}; }
};

struct Sessions::Table {
    static constexpr std::size_t kBuckets = 1024;
    Entry** buckets = nullptr;
    Entry* newest = nullptr;
    Entry* oldest = nullptr;
    std::size_t count = 0;
    std::uint64_t evicted = 0;
};

namespace {

constexpr std::uint64_t kPrime = 0x100000001b3;

std::uint64_t hash_of(std::string_view text) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
    return hash ^ (hash >> 32U);
}

}  // namespace

Result<std::unique_ptr<Sessions>> Sessions::create(std::shared_ptr<Zone> zone) {
    const std::shared_ptr<Zone> held = zone;  // the guard goes first
    const SharedLock::Guard guard = held->lock();
    if (held->root<Table>() == nullptr) {
        Slab& slab = held->slab();
        auto* table = slab.create<Table>();
        void* buckets = slab.allocate_zeroed(Table::kBuckets * sizeof(Entry*));
        if (table == nullptr || buckets == nullptr) {
            return Error("zone \"" + held->name() + "\" is too small for sessions");
        }
        table->buckets = static_cast<Entry**>(buckets);
        held->set_root(table);
    }
    return std::unique_ptr<Sessions>(new Sessions(std::move(zone)));
}

Sessions::Table& Sessions::table() const noexcept { return *zone_->root<Table>(); }

// The buckets are always whole: an entry enters and leaves them by one store. The list by use, which a dead
// process may have left half changed, is made anew from them.
void Sessions::repair() noexcept {
    Table& all = table();
    all.newest = all.oldest = nullptr;
    all.count = 0;
    for (std::size_t i = 0; i < Table::kBuckets; ++i) {
        for (Entry* entry = all.buckets[i]; entry != nullptr; entry = entry->next) {
            entry->older = entry->newer = nullptr;
            touch(all, *entry);
            ++all.count;
        }
    }
}

void Sessions::touch(Table& table, Entry& entry) noexcept {
    if (table.newest == &entry) return;
    if (entry.older != nullptr) entry.older->newer = entry.newer;
    if (entry.newer != nullptr) entry.newer->older = entry.older;
    if (table.oldest == &entry) table.oldest = entry.newer;
    entry.older = table.newest;
    entry.newer = nullptr;
    if (table.newest != nullptr) table.newest->newer = &entry;
    table.newest = &entry;
    if (table.oldest == nullptr) table.oldest = &entry;
}

void Sessions::remove(Table& table, Entry& entry) noexcept {
    Entry** link = &table.buckets[entry.hash % Table::kBuckets];
    while (*link != nullptr && *link != &entry) link = &(*link)->next;
    if (*link != nullptr) *link = entry.next;
    if (entry.older != nullptr) entry.older->newer = entry.newer;
    if (entry.newer != nullptr) entry.newer->older = entry.older;
    if (table.oldest == &entry) table.oldest = entry.newer;
    if (table.newest == &entry) table.newest = entry.older;
    --table.count;
    zone_->slab().free(&entry);
}

Sessions::Entry* Sessions::look_up(Table& table, std::string_view session, std::uint64_t now) {
    const std::uint64_t hash = hash_of(session);
    Entry* entry = table.buckets[hash % Table::kBuckets];
    while (entry != nullptr && (entry->hash != hash || entry->session() != session)) entry = entry->next;
    if (entry == nullptr || now < entry->expires) return entry;
    remove(table, *entry);
    return nullptr;
}

std::string_view Sessions::find(std::string_view session, Arena& arena, std::uint64_t now,
                                Milliseconds lifetime) {
    const SharedLock::Guard guard = zone_->lock();
    if (guard.recovered()) repair();
    Entry* entry = look_up(table(), session, now);
    if (entry == nullptr) return {};
    entry->expires = now + static_cast<std::uint64_t>(lifetime.count());
    touch(table(), *entry);
    return arena.copy(entry->route());
}

bool Sessions::store(std::string_view session, std::string_view route, std::uint64_t now,
                     Milliseconds lifetime) {
    const SharedLock::Guard guard = zone_->lock();
    if (guard.recovered()) repair();
    Table& all = table();
    if (Entry* known = look_up(all, session, now)) remove(all, *known);
    while (all.oldest != nullptr && now >= all.oldest->expires) remove(all, *all.oldest);
    const std::size_t size = sizeof(Entry) + session.size() + route.size();
    void* place = zone_->slab().allocate(size);
    for (; place == nullptr && all.oldest != nullptr; place = zone_->slab().allocate(size)) {
        remove(all, *all.oldest);
        ++all.evicted;
    }
    if (place == nullptr) return false;
    auto* entry = new (place) Entry;
    entry->hash = hash_of(session);
    entry->expires = now + static_cast<std::uint64_t>(lifetime.count());
    entry->session_size = static_cast<std::uint32_t>(session.size());
    entry->route_size = static_cast<std::uint32_t>(route.size());
    char* text = reinterpret_cast<char*>(entry + 1);
    std::memcpy(text, session.data(), session.size());
    std::memcpy(text + session.size(), route.data(), route.size());
    Entry*& bucket = all.buckets[entry->hash % Table::kBuckets];
    entry->next = bucket;
    std::atomic_signal_fence(std::memory_order_release);
    bucket = entry;
    ++all.count;
    touch(all, *entry);
    return true;
}

std::size_t Sessions::size() {
    const SharedLock::Guard guard = zone_->lock();
    if (guard.recovered()) repair();
    return table().count;
}

std::uint64_t Sessions::evicted() {
    const SharedLock::Guard guard = zone_->lock();
    if (guard.recovered()) repair();
    return table().evicted;
}

}  // namespace berth::upstream
