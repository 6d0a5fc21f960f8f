// Zone: a named piece of memory that the master and all its children share.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/memory/shared_lock.hpp"
#include "core/memory/slab.hpp"
#include "core/result.hpp"

namespace berth {

// Mapped before a fork, so it is at the same address in every process that has it; it is unmapped, in this
// process, by the Zone's destructor. Every use of slab() and root() happens under a guard of lock():
//
//     SharedLock::Guard guard = zone.lock();      // a dead holder's bookkeeping has been repaired already;
//     if (guard.recovered()) check(zone.root<Tree>());   // what the slab's objects mean is the owner's
//     matter
class Zone {
 public:
    static constexpr std::size_t kSmallest = Slab::kMinimum;

    // A new zone of `size` bytes (rounded up to pages), the slab's bookkeeping included. Fails below
    // kSmallest, or with mmap(2)'s error.
    static Result<Zone> create(std::string_view name, std::size_t size);

    Zone(Zone&& other) noexcept;
    Zone& operator=(Zone&& other) noexcept;
    ~Zone();

    const std::string& name() const noexcept { return name_; }
    std::size_t size() const noexcept { return size_; }

    // Waits for the lock. When its last holder died, the slab is rebuilt before this returns.
    SharedLock::Guard lock() noexcept;
    Slab& slab() noexcept;

    // The object from which everything else in the zone is found; null until set_root().
    template <class T>
    T* root() const noexcept {
        return static_cast<T*>(raw_root());
    }
    void set_root(void* root) noexcept;

 private:
    struct Header;
    Zone(std::string_view name, Header* header, std::size_t size)
        : name_(name), header_(header), size_(size) {}
    void* raw_root() const noexcept;

    std::string name_;
    Header* header_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace berth
