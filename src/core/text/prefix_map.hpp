// PrefixMap: the longest stored string that is a prefix of a text, in one walk over the text.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth {

// A compressed prefix tree. Case-sensitive. Filled once and asked often; values stay where they are for its
// lifetime. The empty string is a key like any other.
template <class T>
class PrefixMap {
 public:
    struct Match {
        const T* value = nullptr;
        std::size_t length = 0;  // of the key that matched
        explicit operator bool() const noexcept { return value != nullptr; }
    };

    // The value at `key`, and whether it is new; an existing value is left alone.
    std::pair<T*, bool> insert(std::string_view key, T value) {
        Node* node = &root_;
        for (;;) {
            if (key.empty()) break;
            auto place = lower_bound(*node, key.front());
            if (place == node->children.end() || (*place)->text.front() != key.front()) {
                auto leaf = std::make_unique<Node>();
                leaf->text = key;
                node = node->children.insert(place, std::move(leaf))->get();
                break;
            }
            const std::size_t common = common_prefix((*place)->text, key);
            if (common < (*place)->text.size()) split(*place, common);
            node = place->get();
            key.remove_prefix(common);
        }
        if (node->value) return {node->value.get(), false};
        node->value = std::make_unique<T>(std::move(value));
        ++size_;
        return {node->value.get(), true};
    }

    // The longest key that `text` starts with. O(length of the key).
    Match longest(std::string_view text) const noexcept {
        Match best;
        visit(text, [&](const T& value, std::size_t length) { best = {&value, length}; });
        return best;
    }

    // Calls visitor(const T&, std::size_t length) for every key that `text` starts with, shortest first.
    template <class Visitor>
    void visit(std::string_view text, Visitor&& visitor) const {
        const Node* node = &root_;
        std::size_t at = 0;
        while (node != nullptr) {
            if (node->value) visitor(std::as_const(*node->value), at);
            node = child_for(*node, text.substr(at));
            if (node != nullptr) at += node->text.size();
        }
    }

    // The value at exactly this key.
    const T* find(std::string_view key) const noexcept {
        const Match match = longest(key);
        return match.length == key.size() ? match.value : nullptr;
    }
    T* find(std::string_view key) noexcept { return const_cast<T*>(std::as_const(*this).find(key)); }

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }

 private:
    struct Node {
        std::string text;  // of the edge that leads here
        std::unique_ptr<T> value;
        std::vector<std::unique_ptr<Node>>
            children;  // sorted by the first byte of their text, which is theirs alone
    };
    template <class N>
    static auto lower_bound(N& node, char first) {
        return std::lower_bound(
            node.children.begin(), node.children.end(), first,
            [](const std::unique_ptr<Node>& child, char c) { return child->text.front() < c; });
    }
    static const Node* child_for(const Node& node, std::string_view text) noexcept {
        if (text.empty()) return nullptr;
        auto place = lower_bound(node, text.front());
        return place != node.children.end() && text.starts_with((*place)->text) ? place->get() : nullptr;
    }
    static std::size_t common_prefix(std::string_view a, std::string_view b) noexcept {
        const auto end = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
        return static_cast<std::size_t>(end - a.begin());
    }
    static void split(std::unique_ptr<Node>& lower, std::size_t at) {
        auto upper = std::make_unique<Node>();
        upper->text = lower->text.substr(0, at);
        lower->text.erase(0, at);
        upper->children.push_back(std::move(lower));
        lower = std::move(upper);
    }

    Node root_;
    std::size_t size_ = 0;
};

}  // namespace berth
