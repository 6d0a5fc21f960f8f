// How the settings for backends are read and checked.
#include "modules/http/upstream/settings.hpp"

#include <algorithm>

#include "core/config/loader.hpp"
#include "core/cycle.hpp"
#include "core/text/ascii.hpp"
#include "core/text/number.hpp"
#include "event/process/process_conf.hpp"
#include "event/process/runtime_files.hpp"

namespace berth::http {

namespace {

struct Bit {
    std::string_view word;
    std::uint32_t bit;
};

constexpr Bit kNext[] = {
    {"error", next_error},
    {"timeout", next_timeout},
    {"invalid_header", next_invalid_header},
    {"http_500", next_500},
    {"http_502", next_502},
    {"http_503", next_503},
    {"http_504", next_504},
    {"http_403", next_403},
    {"http_404", next_404},
    {"http_429", next_429},
    {"non_idempotent", next_non_idempotent},
    {"invalid_response", next_invalid_header},  // memcached's words
    {"not_found", next_404},
    {"off", 0},
};

constexpr Bit kIgnore[] = {
    {"X-Accel-Redirect", ignore_accel_redirect},
    {"X-Accel-Expires", ignore_accel_expires},
    {"X-Accel-Limit-Rate", ignore_accel_limit_rate},
    {"X-Accel-Buffering", ignore_accel_buffering},
    {"X-Accel-Charset", ignore_accel_charset},
    {"Expires", ignore_expires},
    {"Cache-Control", ignore_cache_control},
    {"Set-Cookie", ignore_set_cookie},
    {"Vary", ignore_vary},
};

void take_bits(Loader& loader, const Node& node, std::span<const Bit> known, Setting<std::uint32_t>& into) {
    std::uint32_t bits = 0;
    for (const Word& word : node.args) {
        const auto found =
            std::ranges::find_if(known, [&](const Bit& bit) { return ascii::iequals(bit.word, word.text); });
        if (found != known.end()) {
            bits |= found->bit;
            continue;
        }
        std::string allowed = "it is one of:";
        for (const Bit& bit : known) allowed.append(" ").append(bit.word);
        loader.error(word.at, "invalid value \"" + word.text + "\" in \"" + node.name + "\"", allowed);
    }
    into.set(bits);
}

// "rw", "r", "w" as the bits of one class of users.
std::optional<std::uint32_t> access_bits(std::string_view text) {
    if (text == "rw") return 06;
    if (text == "r") return 04;
    if (text == "w") return 02;
    return std::nullopt;
}

constexpr KnownHeader kHiddenByDefault[] = {
    KnownHeader::date,
    KnownHeader::server,
    KnownHeader::x_accel_redirect,
    KnownHeader::x_accel_expires,
    KnownHeader::x_accel_limit_rate,
    KnownHeader::x_accel_buffering,
    KnownHeader::x_accel_charset,
};

}  // namespace

std::uint32_t next_bit(int status) noexcept {
    switch (status) {
        case 500: return next_500;
        case 502: return next_502;
        case 503: return next_503;
        case 504: return next_504;
        case 403: return next_403;
        case 404: return next_404;
        case 429: return next_429;
        default: return 0;
    }
}

Result<Address> parse_bind_address(std::string_view text) {
    Result<Address> address = Address::parse_ip(text);
    return address ? std::move(address) : Address::parse(text);
}

void HiddenFields::build(const std::vector<std::string>& hide, const std::vector<std::string>& pass) {
    known_.reset();
    others_ = {"X-Pad"};
    for (const KnownHeader id : kHiddenByDefault) known_.set(static_cast<std::size_t>(id));
    for (const std::string& name : pass) {
        const KnownHeader id = known_header(name);
        if (id != KnownHeader::unknown) known_.reset(static_cast<std::size_t>(id));
        std::erase_if(others_, [&](const std::string& other) { return ascii::iequals(other, name); });
    }
    for (const std::string& name : hide) {
        const KnownHeader id = known_header(name);
        if (id != KnownHeader::unknown) {
            known_.set(static_cast<std::size_t>(id));
        } else {
            others_.push_back(name);
        }
    }
}

bool HiddenFields::is_other(std::string_view name) const noexcept {
    return std::ranges::any_of(others_,
                               [&](const std::string& other) { return ascii::iequals(other, name); });
}

void UpstreamSettings::finish_upstream(Loader& loader, std::string_view directive) {
    const std::string name(directive);
    hidden.build(*hide_headers, *pass_headers);
    const std::string folder = temp_path->empty() ? name + "_temp" : *temp_path;
    temp_folder = loader.arena().copy(loader.cycle().below_prefix(folder));
    loader.cycle().own<RuntimeFiles>().add_folder(temp_folder);
    const Value& local = bind->value;
    if (local.is_constant() && !local.empty()) {
        Result<Address> address = parse_bind_address(local.constant());
        if (address) bind_address = std::move(*address);
    }

    // Two pieces at least, so that one can be filled while the client takes the other.
    constexpr std::size_t kLargestPiece = 64 * 1024;
    budget = std::max(buffers->count * buffers->size, *buffer_size);
    piece = std::clamp(budget / 2, std::min(buffers->size, kLargestPiece), kLargestPiece);
    if (*temp_file_write_size != 0) piece = std::min(piece, std::max(*temp_file_write_size, buffers->size));
    const std::size_t least = std::max(*buffer_size, buffers->size);
    const std::size_t busy = *busy_buffers_size;
    if (busy == 0) return;
    const Origin& at = loader.current() != nullptr ? loader.current()->at : Origin{};
    if (busy < least) {
        loader.error(at, "\"" + name + "_busy_buffers_size\" is smaller than \"" + name +
                             "_buffer_size\" or one of \"" + name + "_buffers\"");
    } else if (busy > budget - std::min(budget, buffers->size)) {
        loader.error(
            at,
            "\"" + name + "_busy_buffers_size\" leaves no buffer of \"" + name + "_buffers\" to read into",
            "it must be smaller than all of them less one");
    } else {
        budget = std::min(budget, busy + piece);
    }
}

void take_next_upstream(Loader& loader, const Node& node, Setting<std::uint32_t>& setting) {
    take_bits(loader, node, kNext, setting);
}

void take_ignore_headers(Loader& loader, const Node& node, Setting<std::uint32_t>& setting) {
    take_bits(loader, node, kIgnore, setting);
}

void take_bind(Loader& loader, const Node& node, Setting<BindAddress>& setting) {
    BindAddress bind;
    const Word& word = node.args[0];
    if (word.text == "off") return setting.set({});
    bind.value = loader.compile(word);
    if (bind.value.is_constant() && !parse_bind_address(word.text)) {
        loader.error(word.at, "invalid address \"" + word.text + "\" in \"" + node.name + "\"",
                     "an IP address of this machine is expected, with or without a port");
    }
    if (node.args.size() == 2) {
        bind.transparent = node.args[1].text == "transparent";
        if (!bind.transparent)
            loader.error(node.args[1].at, "invalid parameter \"" + node.args[1].text + "\"",
                         "it can only be: transparent");
        loader.cycle().own<ProcessConf>().speaks_for_others = true;
    }
    setting.set(std::move(bind));
}

void take_upstream_buffers(Loader& loader, const Node& node, Setting<BufferCount>& setting) {
    constexpr std::size_t kMost = 1024UL * 1024 * 1024;
    const auto count = parse_unsigned(node.args[0].text);
    const auto size = parse_size(node.args[1].text);
    if (!count || *count < 2 || !size || *size < 256 || *count > kMost / *size) {
        loader.error(node.args[0].at, "invalid value in \"" + node.name + "\"",
                     "write a number from 2 on and a size, as in \"8 8k\"; together at most 1g");
        return;
    }
    setting.set({*count, *size});
}

void take_header_names(Loader&, const Node& node, Setting<std::vector<std::string>>& setting) {
    setting.edit().push_back(node.args[0].text);
}

void take_store(Loader& loader, const Node& node, Setting<StorePath>& setting) {
    StorePath store;
    const Word& word = node.args[0];
    store.on = word.text != "off";
    if (store.on && word.text != "on") store.path = loader.compile(word);
    setting.set(std::move(store));
}

void take_store_access(Loader& loader, const Node& node, Setting<std::uint32_t>& setting) {
    std::uint32_t mode = 0600;
    for (const Word& word : node.args) {
        const std::string_view text = word.text;
        const std::size_t colon = text.find(':');
        const std::string_view who = text.substr(0, colon);
        const auto bits = colon == text.npos ? std::nullopt : access_bits(text.substr(colon + 1));
        if (bits && who == "user") {
            mode |= *bits << 6U;
        } else if (bits && who == "group") {
            mode |= *bits << 3U;
        } else if (bits && who == "all") {
            mode |= *bits << 3U | *bits;
        } else {
            loader.error(word.at, "invalid value \"" + word.text + "\" in \"" + node.name + "\"",
                         "as in: user:rw group:rw all:r");
        }
    }
    setting.set(mode);
}

void take_retry_budget(Loader& loader, const Node& node, Setting<std::uint32_t>& setting) {
    std::string_view text = node.args[0].text;
    if (text == "off") return setting.set(kNoRetryBudget);
    if (text.ends_with('%')) text.remove_suffix(1);
    const auto percent = parse_unsigned(text, 1000);
    if (!percent) {
        loader.error(node.args[0].at, "invalid value \"" + node.args[0].text + "\" in \"" + node.name + "\"",
                     "a share of the requests is expected, as in 20%, or off for no limit");
        return;
    }
    setting.set(static_cast<std::uint32_t>(*percent));
}

}  // namespace berth::http
