// Location: one location{} block, and the rules by which a URI finds its own.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/conf.hpp"
#include "core/config/tree.hpp"
#include "core/text/prefix_map.hpp"
#include "core/text/string_map.hpp"
#include "event/async/async.hpp"
#include "modules/http/protocol/method.hpp"
#include "modules/http/verdict.hpp"
#include "modules/shared/pattern.hpp"

namespace berth::http {

class Request;
struct Location;

// Answers instead of the content phase's handlers (proxy_pass, status). `conf` is what it was set with.
struct ContentHandler {
    Async<Verdict> (*run)(Request& request, const void* conf) = nullptr;
    const void* conf = nullptr;
    // Requests for the location's name without its final slash are sent there ("/app" to "/app/").
    bool adds_slash = false;
};

// The locations of one block. find() follows nginx: an exact one; else the longest prefix and what is nested
// in it; unless the prefix says ^~, the first regular expression in order; else the (nested) prefix.
class Locations {
 public:
    // Return false when an equal one is there already. The location must outlive this.
    bool add_exact(std::string_view uri, Location& location);
    bool add_prefix(std::string_view uri, Location& location);
    bool add_named(std::string_view name, Location& location);
    void add_regex(Location& location);

    // The location for a URI; null when the enclosing block itself is meant. A regular expression's captures
    // go to the request.
    Location* find(Request& request, std::string_view uri) const { return look_up(request, uri).location; }
    Location* named(std::string_view name) const;
    // The location "/app/" for "/app", if it wants such requests to be sent there
    // (ContentHandler::adds_slash) and no other has just that name.
    const Location* folder_of(std::string_view uri, Arena& arena) const;
    void mark_folders() noexcept { has_folders_ = true; }

 private:
    // `settled`: regular expressions of the blocks around are not asked any more. A nested prefix is not
    // settled: those of its own block come first, then those outside.
    struct Found {
        Location* location = nullptr;
        bool settled = false;
    };
    Found look_up(Request& request, std::string_view uri) const;
    const Location* find_folder(std::string_view uri, std::string_view with_slash) const;

    std::unique_ptr<PrefixMap<Location*>> prefixes_;
    std::unique_ptr<PrefixMap<Location*>> exact_;
    std::vector<Location*> regexes_;
    std::vector<std::pair<std::string, Location*>> named_;
    bool has_folders_ = false;  // here or further inside
};

struct Location {
    // condition: an `if` or a limit_except, which answers as the location around it unless it says otherwise.
    enum class Kind : std::uint8_t { root, prefix, prefix_final, exact, regex, named, condition };

    ConfSet settings{Level::location};
    Kind kind = Kind::root;
    std::string name;                  // without its modifier
    std::unique_ptr<Pattern> pattern;  // Kind::regex
    ContentHandler content;
    // Gives it a handler of its own.
    void answer_with(const ContentHandler& handler) noexcept;
    Locations inner;                  // by URI
    std::vector<Location*> children;  // all blocks inside this one, also those that no URI leads to
    Location* outer = nullptr;
    Origin at;
    bool internal_only = false;
    // limit_except: a set of Methods, and the block for all others.
    std::uint32_t named_methods = 0;
    const Location* other_methods = nullptr;
    const Location& for_method(Method method) const noexcept {
        const bool named = (named_methods & static_cast<std::uint32_t>(method)) != 0;
        return other_methods == nullptr || named ? *this : *other_methods;
    }
};

}  // namespace berth::http
