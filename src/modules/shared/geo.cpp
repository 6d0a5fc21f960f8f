// Reading geo{} and looking addresses up in it.
#include "modules/shared/geo.hpp"

#include <algorithm>

#include "core/config/loader.hpp"
#include "core/text/ascii.hpp"
#include "modules/shared/variable_name.hpp"

namespace berth {

void Geo::read(Loader& loader, const Node& node, const Source& source) {
    const auto name = variable_name(loader, node.args.back());
    if (!name) return;
    Geo& geo = *loader.arena().create<Geo>(source);
    if (node.args.size() == 2) {
        geo.address_ = loader.compile(node.args[0]);
        geo.has_address_ = true;
    }
    for (const Node& entry : node.children) {
        if (geo.read_parameter(loader, entry)) continue;
        if (geo.ranges_mode_) {
            geo.read_range(loader, entry);
        } else {
            geo.read_network(loader, entry);
        }
    }
    if (const auto overlap = geo.ranges_.build()) {
        loader.error(node.at,
                     "a range with value \"" + geo.values_[overlap->second] +
                         "\" overlaps one with value \"" + geo.values_[overlap->first] + "\"",
                     "one range may lie inside another, but not cross its end");
    }
    loader.variables()->define_own(
        *name,
        [](VariableHost& host, std::uintptr_t data) {
            return reinterpret_cast<const Geo*>(data)->value_for(host);
        },
        reinterpret_cast<std::uintptr_t>(&geo), geo.volatile_ ? Caching::never : Caching::once);
}

AddressRanges::Value Geo::index_of(std::string_view value) {
    const auto known = std::ranges::find(values_, value);
    if (known == values_.end())
        return values_.emplace_back(value), static_cast<std::uint32_t>(values_.size() - 1);
    return static_cast<AddressRanges::Value>(known - values_.begin());
}

// Everything in the block that is no network and no range.
bool Geo::read_parameter(Loader& loader, const Node& entry) {
    if (entry.args.empty()) {
        if (entry.name == "ranges") {
            if (!ranges_.empty()) loader.error(entry.at, "\"ranges\" must be the first line of its geo");
            return ranges_mode_ = true;
        }
        if (entry.name == "proxy_recursive") return proxy_recursive_ = true;
        if (entry.name == "volatile") return volatile_ = true;
    }
    if (entry.args.size() != 1) {
        loader.error(entry.at, "an entry of geo is a network and a value");
        return true;
    }
    const std::string& argument = entry.args[0].text;
    if (entry.name == "default") return default_ = argument, true;
    if (entry.name == "delete") return read_delete(loader, entry), true;
    if (entry.name != "proxy") return false;
    Result<Cidr> network = Cidr::parse(argument);
    if (!network) return loader.error(entry.args[0].at, network.error().message), true;
    proxies_.push_back(*network);
    return true;
}

namespace {

struct Ends {
    Address first;
    Address last;
};

// FIRST-LAST; an invalid one is reported.
std::optional<Ends> read_ends(Loader& loader, std::string_view text, const Origin& at) {
    const std::size_t dash = text.find('-');
    Result<Address> first = Address::parse_ip(text.substr(0, dash));
    Result<Address> last = Error("no end");
    if (dash != text.npos) last = Address::parse_ip(text.substr(dash + 1));
    if (!first || !last || first->family() != last->family() || first->bytes() > last->bytes()) {
        loader.error(at, "invalid range \"" + std::string(text) + "\"", "as in 10.0.0.1-10.0.0.255");
        return std::nullopt;
    }
    return Ends{*std::move(first), *std::move(last)};
}

}  // namespace

// What is deleted is written as it was added.
void Geo::read_delete(Loader& loader, const Node& entry) {
    const Word& word = entry.args[0];
    bool found = false;
    if (ranges_mode_) {
        const auto ends = read_ends(loader, word.text, word.at);
        if (!ends) return;
        found = ranges_.remove(ends->first, ends->last);
    } else {
        Result<Cidr> network = Cidr::parse(word.text);
        if (!network) return loader.error(word.at, network.error().message);
        found = ranges_.remove(*network);
    }
    if (!found) {
        loader.warning(entry.at, "no network \"" + word.text + "\" to delete",
                       "it must stand above, with the same ends");
    }
}

void Geo::note(Loader& loader, const Node& entry, AddressRanges::Added added, std::string_view value) {
    if (added == AddressRanges::Added::fresh) return;
    loader.warning(entry.at, "duplicate network \"" + entry.name + "\"; it has the value \"" +
                                 std::string(value) + "\" now");
}

void Geo::read_network(Loader& loader, const Node& entry) {
    const std::string& value = entry.args[0].text;
    Result<Cidr> network = Cidr::parse(entry.name);
    if (!network) return loader.error(entry.at, network.error().message);
    if (network->had_host_bits()) {
        loader.warning(entry.at, "low address bits of \"" + entry.name + "\" are meaningless",
                       "it is " + network->to_text());
    }
    note(loader, entry, ranges_.add(*network, index_of(value)), value);
}

void Geo::read_range(Loader& loader, const Node& entry) {
    const std::string& value = entry.args[0].text;
    const auto ends = read_ends(loader, entry.name, entry.at);
    if (ends) note(loader, entry, ranges_.add(ends->first, ends->last, index_of(value)), value);
}

bool Geo::is_proxy(const Address& address) const noexcept {
    return std::ranges::any_of(proxies_, [&](const Cidr& proxy) { return proxy.contains(address); });
}

// The client, or what trusted proxies say it is: read from the end of the list, one address or, recursively,
// as far as those that name it are trusted.
Address Geo::address_of(VariableHost& host) const {
    Address address = source_.client(host);
    if (has_address_) {
        Result<Address> parsed = Address::parse_ip(address_.eval(host));
        address = parsed ? *std::move(parsed) : Address();
    }
    if (source_.forwarded_for == nullptr || proxies_.empty()) return address;
    std::string_view list = source_.forwarded_for(host).text;
    while (!list.empty() && is_proxy(address)) {
        const std::size_t comma = list.rfind(',');
        const std::string_view element = comma == list.npos ? list : list.substr(comma + 1);
        Result<Address> next = Address::parse_ip(ascii::trim(element));
        if (!next) break;
        address = *std::move(next);
        if (!proxy_recursive_ || comma == list.npos) break;
        list = list.substr(0, comma);
    }
    return address;
}

VariableText Geo::value_for(VariableHost& host) const {
    const bool direct = !has_address_ && proxies_.empty();
    const AddressRanges::Value found =
        direct ? ranges_.find(source_.client(host)) : ranges_.find(address_of(host));
    return {found == AddressRanges::kNone ? std::string_view(default_) : std::string_view(values_[found]),
            true};
}

}  // namespace berth
