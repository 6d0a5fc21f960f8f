// The factories of directive rows: flag<&Conf::member>("gzip", in_http, "…") is a whole directive.
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <string>
#include <type_traits>
#include <vector>

#include "core/config/directive.hpp"
#include "core/config/loader.hpp"
#include "core/config/setting.hpp"

namespace berth::rows {

template <class Member>
struct MemberTraits;
template <class C, class T>
struct MemberTraits<Setting<T> C::*> {
    using Conf = C;
    using Type = T;
};
template <auto M>
using ConfOf = typename MemberTraits<decltype(M)>::Conf;
template <auto M>
using TypeOf = typename MemberTraits<decltype(M)>::Type;

// The words of one argument turned into a value; a wrong one is reported, and nothing is returned.
bool read_flag(Loader& loader, const Node& node, const Word& word, bool& into);
bool read_number(Loader& loader, const Directive& row, const Node& node, const Word& word,
                 std::int64_t& into);
bool read_size(Loader& loader, const Directive& row, const Node& node, const Word& word, std::int64_t& into);
bool read_duration(Loader& loader, const Directive& row, const Node& node, const Word& word,
                   std::int64_t& into);
bool read_choice(Loader& loader, const Directive& row, const Node& node, const Word& word, std::size_t& into);

// How defaults are written.
std::string size_text(std::int64_t bytes);
std::string duration_text(std::int64_t milliseconds);

namespace detail {

template <auto M>
ConfOf<M>& as(void* conf) {
    return *static_cast<ConfOf<M>*>(conf);
}

constexpr Directive structless(std::string_view name, Context where, Kind kind, std::string_view help,
                               Arity arity = {1, 1}) {
    Directive row;
    row.name = name;
    row.contexts = where;
    row.help = help;
    row.kind = kind;
    row.arity = arity;
    return row;
}

template <auto M>
constexpr Directive base(std::string_view name, Context where, Kind kind, std::string_view help) {
    Directive row = structless(name, where, kind, help);
    row.conf = &conf_info<ConfOf<M>>;
    row.inherit = [](void* inner, const void* outer) {
        (as<M>(inner).*M).inherit(static_cast<const ConfOf<M>*>(outer)->*M);
    };
    return row;
}

}  // namespace detail

template <auto M>
constexpr Directive flag(std::string_view name, Context where, std::string_view help) {
    Directive row = detail::base<M>(name, where, Kind::flag, help);
    row.apply = [](Loader& loader, const Directive&, const Node& node, void* conf) {
        bool on = false;
        if (read_flag(loader, node, node.args[0], on)) (detail::as<M>(conf).*M).set(on);
    };
    row.fallback = [](const Directive&) -> std::string { return (ConfOf<M>{}.*M).value() ? "on" : "off"; };
    return row;
}

// Limits for numbers, sizes (bytes) and durations (milliseconds), both included.
struct Between {
    std::int64_t lowest = 0;
    std::int64_t highest = std::numeric_limits<std::int64_t>::max();
};

// Deadlines are sums of a time and now: ten years leave room for both.
inline constexpr std::int64_t kLongestTime = 10LL * 366 * 24 * 3600 * 1000;

template <class T>
constexpr std::int64_t clamped(std::int64_t highest) {
    return std::cmp_greater(highest, std::numeric_limits<T>::max())
               ? static_cast<std::int64_t>(std::numeric_limits<T>::max())
               : highest;
}

template <auto M>
constexpr Directive number(std::string_view name, Context where, std::string_view help,
                           Between allowed = {}) {
    using T = TypeOf<M>;
    static_assert(std::integral<T>);
    Directive row = detail::base<M>(name, where, Kind::number, help);
    row.lowest = allowed.lowest;
    row.highest = clamped<T>(allowed.highest);
    row.apply = [](Loader& loader, const Directive& self, const Node& node, void* conf) {
        std::int64_t value = 0;
        if (read_number(loader, self, node, node.args[0], value)) {
            (detail::as<M>(conf).*M).set(static_cast<T>(value));
        }
    };
    row.fallback = [](const Directive&) { return std::to_string((ConfOf<M>{}.*M).value()); };
    return row;
}

template <auto M>
constexpr Directive size(std::string_view name, Context where, std::string_view help, Between allowed = {}) {
    using T = TypeOf<M>;
    static_assert(std::integral<T>);
    Directive row = detail::base<M>(name, where, Kind::size, help);
    row.lowest = allowed.lowest;
    row.highest = clamped<T>(allowed.highest);
    row.apply = [](Loader& loader, const Directive& self, const Node& node, void* conf) {
        std::int64_t bytes = 0;
        if (read_size(loader, self, node, node.args[0], bytes)) {
            (detail::as<M>(conf).*M).set(static_cast<T>(bytes));
        }
    };
    row.fallback = [](const Directive&) {
        return size_text(static_cast<std::int64_t>((ConfOf<M>{}.*M).value()));
    };
    return row;
}

template <auto M>
constexpr Directive duration(std::string_view name, Context where, std::string_view help,
                             Between allowed = {}) {
    static_assert(std::is_same_v<TypeOf<M>, std::chrono::milliseconds>);
    Directive row = detail::base<M>(name, where, Kind::duration, help);
    row.lowest = allowed.lowest;
    row.highest = std::min(allowed.highest, kLongestTime);
    row.apply = [](Loader& loader, const Directive& self, const Node& node, void* conf) {
        std::int64_t value = 0;
        if (read_duration(loader, self, node, node.args[0], value)) {
            (detail::as<M>(conf).*M).set(std::chrono::milliseconds(value));
        }
    };
    row.fallback = [](const Directive&) { return duration_text((ConfOf<M>{}.*M).value().count()); };
    return row;
}

// An enumeration whose values are the positions of `words` (which must outlive the row).
template <auto M>
constexpr Directive choice(std::string_view name, Context where, std::span<const std::string_view> words,
                           std::string_view help) {
    using T = TypeOf<M>;
    Directive row = detail::base<M>(name, where, Kind::choice, help);
    row.choices = words;
    row.apply = [](Loader& loader, const Directive& self, const Node& node, void* conf) {
        std::size_t index = 0;
        if (read_choice(loader, self, node, node.args[0], index)) {
            (detail::as<M>(conf).*M).set(static_cast<T>(index));
        }
    };
    row.fallback = [](const Directive& self) {
        return std::string(self.choices[static_cast<std::size_t>((ConfOf<M>{}.*M).value())]);
    };
    return row;
}

// One word, taken as it is.
template <auto M>
constexpr Directive text(std::string_view name, Context where, std::string_view help) {
    static_assert(std::is_same_v<TypeOf<M>, std::string>);
    Directive row = detail::base<M>(name, where, Kind::text, help);
    row.apply = [](Loader&, const Directive&, const Node& node, void* conf) {
        (detail::as<M>(conf).*M).set(node.args[0].text);
    };
    row.fallback = [](const Directive&) { return (ConfOf<M>{}.*M).value(); };
    return row;
}

// One or more words.
template <auto M>
constexpr Directive words(std::string_view name, Context where, std::string_view help) {
    static_assert(std::is_same_v<TypeOf<M>, std::vector<std::string>>);
    Directive row = detail::base<M>(name, where, Kind::text, help);
    row.arity = {1, kAnyNumber};
    row.apply = [](Loader&, const Directive&, const Node& node, void* conf) {
        std::vector<std::string> all;
        for (const Word& word : node.args) all.push_back(word.text);
        (detail::as<M>(conf).*M).set(std::move(all));
    };
    return row;
}

// One word that may contain variables.
template <auto M>
constexpr Directive value(std::string_view name, Context where, std::string_view help) {
    static_assert(std::is_same_v<TypeOf<M>, Value>);
    Directive row = detail::base<M>(name, where, Kind::value, help);
    row.apply = [](Loader& loader, const Directive&, const Node& node, void* conf) {
        (detail::as<M>(conf).*M).set(loader.compile(node.args[0]));
    };
    return row;
}

// A setting whose words need a function of their own: void take(Loader&, const Node&, Setting<T>&).
template <auto M, auto Take>
constexpr Directive custom(std::string_view name, Context where, Arity arity, std::string_view usage,
                           std::string_view help, Kind kind = Kind::text) {
    Directive row = detail::base<M>(name, where, kind, help);
    row.arity = arity;
    row.usage = usage;
    row.apply = [](Loader& loader, const Directive&, const Node& node, void* conf) {
        Take(loader, node, detail::as<M>(conf).*M);
    };
    return row;
}

// A directive that does something else with its struct: void take(Loader&, const Node&, Conf&).
template <class Conf, auto Take>
constexpr Directive action(std::string_view name, Context where, Arity arity, std::string_view usage,
                           std::string_view help, Kind kind = Kind::text) {
    Directive row = detail::structless(name, where, kind, help, arity);
    row.usage = usage;
    row.conf = &conf_info<Conf>;
    row.apply = [](Loader& loader, const Directive&, const Node& node, void* conf) {
        Take(loader, node, *static_cast<Conf*>(conf));
    };
    return row;
}

// A directive without a struct: void take(Loader&, const Node&).
template <auto Take>
constexpr Directive statement(std::string_view name, Context where, Arity arity, std::string_view usage,
                              std::string_view help, Kind kind = Kind::text) {
    Directive row = detail::structless(name, where, kind, help, arity);
    row.usage = usage;
    row.apply = [](Loader& loader, const Directive&, const Node& node, void*) { Take(loader, node); };
    return row;
}

// A row of nginx's that this server has no use for: its value is checked, and without effect. `help` says why
// nothing is lost.
void take_unneeded(Loader& loader, const Directive& row, const Node& node, void*);
constexpr Directive unneeded(std::string_view name, Context where, std::string_view help,
                             Kind kind = Kind::size, Arity arity = {1, 1}) {
    Directive row = detail::structless(name, where, kind, help, arity);
    row.apply = take_unneeded;
    return row;
}

// A block of directives: void open(Loader&, const Node&), which calls Loader::read_block.
template <auto Open>
constexpr Directive block(std::string_view name, Context where, Context opens, Arity arity,
                          std::string_view usage, std::string_view help) {
    Directive row = statement<Open>(name, where, arity, usage, help, Kind::block);
    row.opens = opens;
    return row;
}

// For what decides how the rest of the block is read.
constexpr Directive early(Directive row) {
    row.early = true;
    return row;
}

// What the manual says of a row whose words are its own.
constexpr Directive defaults_to(std::string_view text, Directive row) {
    row.default_text = text;
    return row;
}

constexpr Directive repeatable(Directive row) {
    row.repeatable = true;
    return row;
}

}  // namespace berth::rows
