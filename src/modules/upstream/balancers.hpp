// The balancers that a directive names; each is described where it is made.
#pragma once

#include <memory>

#include "core/value/value.hpp"
#include "modules/upstream/balancer.hpp"

namespace berth {
class Loader;
struct Node;
}  // namespace berth

namespace berth::upstream {

// hash KEY [consistent]
struct HashConf {
    Value key;
};
// least_time header | last_byte
struct LeastTimeConf {
    bool last_byte = false;
};
// random [two [least_conn | least_time=header | least_time=last_byte]]
struct RandomConf {
    bool two = false;
    enum class By : std::uint8_t { conns, header, last_byte } by = By::conns;
};

std::unique_ptr<Balancer> make_ip_hash(const void*);
std::unique_ptr<Balancer> make_hash(const void* conf);             // HashConf
std::unique_ptr<Balancer> make_consistent_hash(const void* conf);  // HashConf
std::unique_ptr<Balancer> make_least_conn(const void*);
std::unique_ptr<Balancer> make_least_time(const void* conf);  // LeastTimeConf
std::unique_ptr<Balancer> make_random(const void* conf);      // RandomConf

// How loaded a member is, relative to its weight: a fraction, compared without dividing.
struct Load {
    std::uint64_t amount = 0;
    std::uint64_t weight = 1;

    bool operator<(const Load& other) const noexcept { return product(other) < other.product(*this); }
    bool operator==(const Load& other) const noexcept { return product(other) == other.product(*this); }

 private:
    __extension__ using Wide = unsigned __int128;
    Wide product(const Load& other) const noexcept { return Wide{amount} * other.weight; }
};
Load load_by_connections(const Member& member, std::uint64_t now) noexcept;
// Expected waiting: the average time, once for each request that is there already and for this one. An
// average that nobody has renewed for a while fades, so that a peer which was slow once is tried again.
Load load_by_time(const Member& member, bool last_byte, std::uint64_t now) noexcept;

}  // namespace berth::upstream
