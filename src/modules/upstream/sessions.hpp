// Sessions: which session belongs to which route, in shared memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/memory/arena.hpp"
#include "core/memory/zone.hpp"
#include "core/result.hpp"
#include "modules/upstream/parameters.hpp"

namespace berth::upstream {

// A session that is not used for its time is forgotten, and so is the one that was used longest ago when the
// zone is full. Times are milliseconds of CLOCK_MONOTONIC.
class Sessions {
 public:
    static Result<std::unique_ptr<Sessions>> create(std::shared_ptr<Zone> zone);

    // The route of a session, copied to the arena; empty when there is none. Found ones live on for
    // `lifetime`.
    std::string_view find(std::string_view session, Arena& arena, std::uint64_t now, Milliseconds lifetime);
    // False when it cannot be remembered at all: larger than the zone has room for.
    bool store(std::string_view session, std::string_view route, std::uint64_t now, Milliseconds lifetime);

    std::size_t size();
    std::uint64_t evicted();  // before their time, because the zone was full

 private:
    struct Entry;
    struct Table;
    explicit Sessions(std::shared_ptr<Zone> zone) noexcept : zone_(std::move(zone)) {}
    Table& table() const noexcept;
    Entry* look_up(Table& table, std::string_view session, std::uint64_t now);
    void remove(Table& table, Entry& entry) noexcept;
    static void touch(Table& table, Entry& entry) noexcept;
    void repair() noexcept;

    std::shared_ptr<Zone> zone_;
};

}  // namespace berth::upstream
