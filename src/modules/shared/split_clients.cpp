// Reading split_clients{} and choosing a share.
#include "modules/shared/split_clients.hpp"

#include <limits>

#include "core/config/loader.hpp"
#include "core/text/number.hpp"
#include "modules/shared/variable_name.hpp"

namespace berth {

namespace {

constexpr std::uint64_t kWhole = 100'00;  // in hundredths of a percent

// "12.5%" in hundredths of a percent.
std::optional<std::uint64_t> read_percent(std::string_view text) {
    if (!text.ends_with('%')) return std::nullopt;
    text.remove_suffix(1);
    const std::size_t point = std::min(text.find('.'), text.size());
    const auto whole = parse_unsigned(text.substr(0, point), 100);
    std::string places(text.substr(std::min(point + 1, text.size())));
    if (places.size() > 2 || (point < text.size() && places.empty())) return std::nullopt;
    places.resize(2, '0');
    const auto part = parse_unsigned(places);
    if (!whole || !part || *whole * 100 + *part == 0) return std::nullopt;
    return *whole * 100 + *part;
}

}  // namespace

void SplitClients::read(Loader& loader, const Node& node) {
    const auto name = variable_name(loader, node.args[1]);
    if (!name) return;
    SplitClients& split = *loader.arena().create<SplitClients>();
    split.source_ = loader.compile(node.args[0]);
    std::uint64_t sum = 0;
    for (const Node& entry : node.children) split.read_share(loader, entry, sum);
    loader.variables()->define_own(
        *name,
        [](VariableHost& host, std::uintptr_t data) {
            return reinterpret_cast<const SplitClients*>(data)->value_for(host);
        },
        reinterpret_cast<std::uintptr_t>(&split));
}

void SplitClients::read_share(Loader& loader, const Node& entry, std::uint64_t& sum) {
    if (entry.args.size() != 1)
        return loader.error(entry.at, "an entry of split_clients is a share and a value");
    Share share;
    share.value = loader.compile(entry.args[0]);
    if (entry.name != "*") {
        const auto percent = read_percent(entry.name);
        if (!percent) {
            return loader.error(entry.at, "invalid percent value \"" + entry.name + "\"",
                                "as in 0.5% or 20%, with at most two places; * is the rest");
        }
        sum += *percent;
        if (sum > kWhole) return loader.error(entry.at, "the shares are more than 100% together");
        share.end = static_cast<std::uint32_t>(sum * std::numeric_limits<std::uint32_t>::max() / kWhole);
    }
    shares_.push_back(std::move(share));
}

VariableText SplitClients::value_for(VariableHost& host) const {
    const std::uint32_t point = hash(source_.eval(host));
    for (const Share& share : shares_) {
        if (share.end == 0 || point < share.end) return {share.value.eval(host), true};
    }
    return VariableText::missing();
}

std::uint32_t SplitClients::hash(std::string_view text) noexcept {
    constexpr std::uint32_t kFactor = 0x5bd1e995;
    auto byte = [&](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
    };
    auto hash = static_cast<std::uint32_t>(text.size());
    while (text.size() >= 4) {
        std::uint32_t block = byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
        block *= kFactor;
        block ^= block >> 24;
        hash = (hash * kFactor) ^ (block * kFactor);
        text.remove_prefix(4);
    }
    if (text.size() == 3) hash ^= byte(2) << 16;
    if (text.size() >= 2) hash ^= byte(1) << 8;
    if (!text.empty()) hash = (hash ^ byte(0)) * kFactor;
    hash ^= hash >> 13;
    hash *= kFactor;
    return hash ^ (hash >> 15);
}

}  // namespace berth
