// ip_hash, hash, and hash … consistent: the same client or key goes to the same peer.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/text/crc32.hpp"
#include "core/text/number.hpp"
#include "modules/upstream/balancers.hpp"

namespace berth::upstream {

namespace {

constexpr std::uint32_t kMostTries = 20;  // then the key does not matter any more

// The member on whose share of the weights the point lies.
Member* at_weight(Candidates& candidates, std::uint64_t point) {
    for (Member& member : candidates.roster().all()) {
        if (member.parameters.backup) continue;
        if (point < member.parameters.weight) return &member;
        point -= member.parameters.weight;
    }
    return nullptr;
}

std::uint64_t total_weight(const Candidates& candidates) {
    std::uint64_t total = 0;
    for (const Member& member : candidates.roster().all()) {
        if (!member.parameters.backup) total += member.parameters.weight;
    }
    return total;
}

// Hashes again and again until the hash hits a usable peer; hash(state) gives the next one.
template <class NextHash>
Member* by_hash(Candidates& candidates, NextHash next_hash) {
    Selection::HashState& state = candidates.selection().hash_state();
    const std::uint64_t total = total_weight(candidates);
    if (candidates.roster().single() || candidates.backups() || total == 0) return next_in_turn(candidates);
    while (state.tries <= kMostTries) {
        const std::uint32_t hash = next_hash(state);
        Member* member = at_weight(candidates, hash % total);
        if (member != nullptr && candidates.usable(*member)) return member;
        ++state.tries;
    }
    return next_in_turn(candidates);
}

// The first three bytes of an IPv4 address, or a whole IPv6 address: nginx's function.
class IpHash final : public Balancer {
 public:
    void begin(Selection& selection) override { selection.hash_state().hash = 89; }

    Member* choose(Candidates& candidates) override {
        const Address* client = candidates.selection().client();
        std::string_view bytes("\0\0\0", 3);
        if (client != nullptr && client->is_ipv4()) bytes = client->bytes().substr(0, 3);
        if (client != nullptr && client->is_ipv6()) bytes = client->bytes();
        return by_hash(candidates, [bytes](Selection::HashState& state) {
            for (const char byte : bytes) {
                state.hash = (state.hash * 113 + static_cast<unsigned char>(byte)) % 6271;
            }
            return state.hash;
        });
    }
};

// As Cache::Memcached spreads keys: ((crc32(REHASH KEY) >> 16) & 0x7fff) added to the hash before, without
// REHASH in the first round.
class Hash final : public Balancer {
 public:
    explicit Hash(const HashConf& conf) : conf_(conf) {}

    void begin(Selection& selection) override {
        if (selection.host() != nullptr) selection.hash_state().key = conf_.key.eval(*selection.host());
    }

    Member* choose(Candidates& candidates) override {
        const std::string_view key = candidates.selection().hash_state().key;
        if (key.empty()) return next_in_turn(candidates);
        return by_hash(candidates, [key](Selection::HashState& state) {
            Crc32 crc;
            std::array<char, kDecimalDigits> digits;
            if (state.rehash > 0) {
                const char* end = format_decimal(digits.data(), state.rehash);
                crc.add({digits.data(), static_cast<std::size_t>(end - digits.data())});
            }
            ++state.rehash;
            state.hash += (crc.add(key).value() >> 16U) & 0x7fffU;
            return state.hash;
        });
    }

 private:
    const HashConf& conf_;
};

// The ring of libketama as Cache::Memcached::Fast and nginx make it: 160 points for each unit of weight, each
// the crc32 of HOST \0 PORT and the point before. A server that goes takes only its own keys with it.
class ConsistentHash final : public Balancer {
 public:
    explicit ConsistentHash(const HashConf& conf) : conf_(conf) {}

    void begin(Selection& selection) override {
        if (selection.host() != nullptr) selection.hash_state().key = conf_.key.eval(*selection.host());
    }

    Member* choose(Candidates& candidates) override {
        Selection::HashState& state = candidates.selection().hash_state();
        if (state.key.empty() || candidates.roster().single() || candidates.backups()) {
            return next_in_turn(candidates);
        }
        if (version_ != candidates.roster().version) build(candidates.roster());
        if (points_.empty()) return nullptr;
        if (state.rehash == 0) {
            state.hash = position_of(crc32(state.key));
            state.rehash = 1;
        }
        for (; state.tries <= kMostTries; ++state.tries, ++state.hash) {
            const std::string_view server = servers_[points_[state.hash % points_.size()].server];
            // A name with several addresses is one place on the ring.
            Member* member = next_in_turn(candidates, [&](const Member& each) {
                return each.server_name == server && candidates.usable(each);
            });
            if (member != nullptr) return member;
        }
        return next_in_turn(candidates);
    }

 private:
    struct Point {
        std::uint32_t hash;
        std::uint32_t server;
    };
    static constexpr std::uint32_t kPointsPerWeight = 160;
    // Of all servers; where there is more (a service record's weight may be 65535), the shares stay.
    static constexpr std::uint64_t kMostWeight = 4096;

    std::uint32_t position_of(std::uint32_t hash) const {
        const auto at = std::ranges::lower_bound(points_, hash, {}, &Point::hash);
        return at == points_.end() ? 0 : static_cast<std::uint32_t>(at - points_.begin());
    }

    void build(const Roster& roster) {
        version_ = roster.version;
        points_.clear();
        servers_.clear();
        std::uint64_t total = 0;
        for (const Member& member : roster.all()) total += member.parameters.weight;
        for (const Member& member : roster.all()) {
            if (member.parameters.backup) continue;
            servers_.emplace_back(member.server_name);
            std::uint64_t weight = member.parameters.weight;
            if (total > kMostWeight) weight = std::max<std::uint64_t>(weight * kMostWeight / total, 1);
            add_points(servers_.back(), static_cast<std::uint32_t>(weight));
        }
        std::ranges::sort(points_, [](const Point& a, const Point& b) {
            return a.hash != b.hash ? a.hash < b.hash : a.server < b.server;
        });
        const auto same = std::ranges::unique(points_, {}, &Point::hash);
        points_.erase(same.begin(), same.end());
    }

    void add_points(std::string_view server, std::uint32_t weight) {
        std::string_view host = server;
        std::string_view port;
        const std::size_t colon = server.rfind(':');
        if (!server.starts_with("unix:") && colon != server.npos &&
            parse_unsigned(server.substr(colon + 1))) {
            host = server.substr(0, colon);
            port = server.substr(colon + 1);
        }
        const Crc32 base = Crc32().add(host).add({"\0", 1}).add(port);
        std::uint32_t previous = 0;
        for (std::uint32_t i = 0; i < weight * kPointsPerWeight; ++i) {
            std::array<char, 4> bytes;
            for (unsigned byte = 0; byte < 4; ++byte) bytes[byte] = static_cast<char>(previous >> (8 * byte));
            previous = Crc32(base).add({bytes.data(), bytes.size()}).value();
            points_.push_back({previous, static_cast<std::uint32_t>(servers_.size() - 1)});
        }
    }

    const HashConf& conf_;
    std::uint64_t version_ = 0;
    std::vector<std::string> servers_;
    std::vector<Point> points_;
};

}  // namespace

std::unique_ptr<Balancer> make_ip_hash(const void*) { return std::make_unique<IpHash>(); }
std::unique_ptr<Balancer> make_hash(const void* conf) {
    return std::make_unique<Hash>(*static_cast<const HashConf*>(conf));
}
std::unique_ptr<Balancer> make_consistent_hash(const void* conf) {
    return std::make_unique<ConsistentHash>(*static_cast<const HashConf*>(conf));
}

}  // namespace berth::upstream
