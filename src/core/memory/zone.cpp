// Zones: anonymous shared mappings with a lock and a slab in front.
#include "core/memory/zone.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <new>
#include <utility>

namespace berth {

struct Zone::Header {
    SharedLock lock;
    Slab* slab = nullptr;
    void* root = nullptr;
};

Result<Zone> Zone::create(std::string_view name, std::size_t size) {
    const std::string text(name);
    if (size < kSmallest) {
        return Error("zone \"" + text + "\" is too small: at least " + std::to_string(kSmallest) + " bytes");
    }
    if (size > SIZE_MAX / 2) return Error("zone \"" + text + "\" is too large");
    size = (size + Slab::kPageSize - 1) / Slab::kPageSize * Slab::kPageSize;
    // One page more than asked for carries the lock, so that it can never be reached through the slab.
    const std::size_t mapped = size + Slab::kPageSize;
    void* memory = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return system_error("mmap", name, errno);
    auto* header = new (memory) Header;
    header->slab = Slab::format({static_cast<std::byte*>(memory) + Slab::kPageSize, size});
    return Zone(name, header, size);
}

Zone::Zone(Zone&& other) noexcept
    : name_(std::move(other.name_)),
      header_(std::exchange(other.header_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Zone& Zone::operator=(Zone&& other) noexcept {
    std::swap(name_, other.name_);
    std::swap(header_, other.header_);
    std::swap(size_, other.size_);
    return *this;
}

Zone::~Zone() {
    // The lock is not destroyed: other processes may still use it.
    if (header_ != nullptr) ::munmap(header_, size_ + Slab::kPageSize);
}

SharedLock::Guard Zone::lock() noexcept {
    return SharedLock::Guard(
        header_->lock, [](void* slab) noexcept { static_cast<Slab*>(slab)->rebuild(); }, header_->slab);
}

Slab& Zone::slab() noexcept { return *header_->slab; }
void* Zone::raw_root() const noexcept { return header_->root; }
void Zone::set_root(void* root) noexcept { header_->root = root; }

}  // namespace berth
