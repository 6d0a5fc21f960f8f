// How a module's configuration structs are created, found and inherited: one slot for each struct, at one
// level.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/memory/arena.hpp"

namespace berth {

struct Directive;
class Loader;

// How often a struct exists in a cycle: once, once in a protocol's block (http{}), once a server{}, once a
// location{}.
enum class Level : std::uint8_t { global, main, server, location };
inline constexpr std::size_t kLevels = 4;

// What is known of one configuration struct. There is exactly one for each struct type; registering the
// modules gives it its slot.
struct ConfInfo {
    Level level = Level::global;
    int slot = -1;
    void* (*create)(Arena&) = nullptr;
    void (*merge)(void* inner, const void* outer) = nullptr;  // Conf::merge, for what rows cannot inherit
    void (*finish)(void* conf, Loader&) = nullptr;  // Conf::finish, after inheritance: checks, compilation
    std::span<const Directive> rows{};              // the directives that write to it
};

template <class Conf>
inline ConfInfo conf_info{};

// What a Module names for each level it has a struct at; an empty one has none. Conf may have
// `void merge(const Conf& outer)` and `void finish(Loader&)`.
struct ConfOps {
    ConfInfo* info = nullptr;
    void* (*create)(Arena&) = nullptr;
    void (*merge)(void*, const void*) = nullptr;
    void (*finish)(void*, Loader&) = nullptr;
};

template <class Conf>
constexpr ConfOps conf_of() {
    ConfOps ops;
    ops.info = &conf_info<Conf>;
    ops.create = [](Arena& arena) -> void* { return arena.create<Conf>(); };
    if constexpr (requires(Conf & inner, const Conf& outer) { inner.merge(outer); }) {
        ops.merge = [](void* inner, const void* outer) {
            static_cast<Conf*>(inner)->merge(*static_cast<const Conf*>(outer));
        };
    }
    if constexpr (requires(Conf & conf, Loader & loader) { conf.finish(loader); }) {
        ops.finish = [](void* conf, Loader& loader) { static_cast<Conf*>(conf)->finish(loader); };
    }
    return ops;
}

// The structs of one level for one block, by slot. A struct exists only where the block says something about
// it; inherit() lets the others point at the outer block's. Owned by the cycle's arena.
class ConfSet {
 public:
    explicit ConfSet(Level level) : level_(level) {}

    Level level() const noexcept { return level_; }

    // After inherit(): the struct in force. Never null for a registered Conf.
    template <class Conf>
    const Conf& get() const {
        return *static_cast<const Conf*>(structs_[static_cast<std::size_t>(conf_info<Conf>.slot)]);
    }

    const void* at(const ConfInfo& info) const { return structs_[static_cast<std::size_t>(info.slot)]; }

    // This block's own struct, created at the first use. Only while the configuration is being loaded.
    void* own(const ConfInfo& info, Arena& arena);
    template <class Conf>
    Conf& own(Arena& arena) {
        return *static_cast<Conf*>(own(conf_info<Conf>, arena));
    }

    // Completes this set from the enclosing block's (null: from defaults), and finishes what is new.
    void inherit(const ConfSet* outer, Loader& loader, Arena& arena);

 private:
    Level level_;
    std::vector<void*> structs_;
};

}  // namespace berth
