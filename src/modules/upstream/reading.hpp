// What the directives of upstream{} have in common: NAME=VALUE, and complaints about it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/loader.hpp"
#include "modules/upstream/upstream.hpp"

namespace berth::upstream {

// The upstream{} that is being read.
Upstream& current_upstream(Loader& loader);

// One word of the form NAME or NAME=VALUE.
struct Option {
    std::string_view name;
    std::string_view value;
    bool has_value = false;
    const Word* word = nullptr;
};
Option split_option(const Word& word);

// "invalid value "weight=x" in "server"", with what is expected.
void invalid_option(Loader& loader, const Option& option, std::string_view directive,
                    std::string_view expected);
void unknown_option(Loader& loader, const Option& option, std::string_view directive,
                    const std::vector<std::string_view>& known);
bool read_time(Loader& loader, const Option& option, std::string_view directive, Milliseconds& into);

// Makes `choice` the balancer; reports that there is one already.
void choose_balancer(Loader& loader, const Node& node, BalancerChoice choice);

}  // namespace berth::upstream
