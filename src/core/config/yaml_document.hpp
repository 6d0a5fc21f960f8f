// One YAML document as nodes with positions: syntax only, nothing about directives.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/diagnostics.hpp"
#include "core/config/tree.hpp"

namespace berth {

// A value. An alias is a second pointer to its anchor's node; a node never contains itself.
struct YamlNode {
    enum class Kind : std::uint8_t { null, scalar, list, map };
    Kind kind = Kind::null;
    bool plain = false;  // a scalar without quotes; its `text` may be split
    Origin at;
    std::string text;                    // of a scalar; of a null as it is written: "", "~", "null"
    std::string tag;                     // "!name"; empty: none
    std::vector<const YamlNode*> items;  // of a list; of a map: key, value, key, value …
};

class YamlDocument {
 public:
    // Reads `source`, which must outlive this. Everything that is wrong with it as YAML goes to
    // `diagnostics`: syntax, duplicate keys, a second document, cycles, limits. Throws nothing.
    YamlDocument(const Source& source, Diagnostics& diagnostics);

    // The top value; null when the file says nothing, or when there were errors.
    const YamlNode* root() const noexcept { return root_; }
    std::size_t size() const noexcept { return nodes_.size(); }

    // Where `length` bytes at `offset` of a scalar's text stand in the file; the scalar's own place where its
    // text was unescaped or folded.
    Origin inside(const YamlNode& scalar, std::size_t offset, std::size_t length) const;
    std::string_view line(std::size_t number) const;

 private:
    friend class YamlBuilder;

    bool gate(Diagnostics& diagnostics);
    bool build(Diagnostics& diagnostics);
    void explain(const Origin& problem, const Origin& context, std::string_view what,
                 Diagnostics& diagnostics) const;
    void check_keys(Diagnostics& diagnostics) const;
    std::size_t offset_of(const Origin& at) const;

    const Source& source_;
    std::string_view text_;  // without a byte order mark
    std::vector<std::size_t> lines_;
    std::deque<YamlNode> nodes_;
    const YamlNode* root_ = nullptr;
};

}  // namespace berth
