// A protocol of its own for tests: variables, a host to compute them for, and a way to read directives.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/config/diagnostics.hpp"
#include "core/config/loader.hpp"
#include "core/config/nginx_syntax.hpp"
#include "core/cycle.hpp"
#include "core/net/address.hpp"
#include "core/value/value.hpp"

namespace berth::test {

// What variables are computed for. The texts of the variables $a, $b and $c are set freely; a null one is
// missing.
class TestHost final : private std::pair<Arena, int>, public VariableHost {
 public:
    explicit TestHost(const Variables& variables) : VariableHost(first) { use_variables(variables); }
    void on_match_limit(std::string_view) override {}

    const char* a = "";
    const char* b = nullptr;
    const char* c = "";
    Address client;
    std::string forwarded;
};

inline TestHost& as_test(VariableHost& host) { return static_cast<TestHost&>(host); }

template <const char* TestHost::*Member>
VariableText get_member(VariableHost& host, std::uintptr_t) {
    const char* text = as_test(host).*Member;
    return text != nullptr ? VariableText{text, true} : VariableText::missing();
}

// Reads statements with one module's rows.
class TestProtocol {
 public:
    explicit TestProtocol(std::span<const Directive> rows) : module_{.name = "tested", .directives = rows} {
        variables.define("a", get_member<&TestHost::a>, 0, Caching::never);
        variables.define("b", get_member<&TestHost::b>, 0, Caching::never);
        variables.define("c", get_member<&TestHost::c>, 0, Caching::never);
        loader.use_variables(&variables);
    }

    // Applies the statements; false when there were errors.
    bool read(std::string text) {
        sources_.push_back(std::make_unique<Source>(Source{"test.conf", std::move(text), Syntax::nginx}));
        Node& root = *roots_.emplace_back(std::make_unique<Node>());
        root.block = true;
        parse_nginx(*sources_.back(), grammar_, Place{}, root.children, diagnostics);
        Block block;
        loader.read_block(root, block);
        return !diagnostics.failed();
    }

    // The first node of a text, unapplied.
    const Node& node(std::string text) {
        sources_.push_back(std::make_unique<Source>(Source{"test.conf", std::move(text), Syntax::nginx}));
        Node& root = *roots_.emplace_back(std::make_unique<Node>());
        parse_nginx(*sources_.back(), grammar_, Place{}, root.children, diagnostics);
        return root.children.front();
    }

    // For all variables that are used so far.
    std::unique_ptr<TestHost> host() {
        variables.check(diagnostics);
        return std::make_unique<TestHost>(variables);
    }

    std::string messages() const {
        std::string all;
        for (const Diagnostic& finding : diagnostics.all()) all += finding.message + "\n";
        return all;
    }

 private:
    static CycleOptions options() {
        CycleOptions options;
        options.conf_path = "test.conf";
        options.prefix = "/nowhere/";
        return options;
    }

    Module module_;
    const Module* modules_[1] = {&module_};
    Grammar grammar_{modules_};
    std::vector<std::unique_ptr<Source>> sources_;
    std::vector<std::unique_ptr<Node>> roots_;
    Cycle cycle_{options()};

 public:
    Diagnostics diagnostics;
    Variables variables;
    Loader loader{cycle_, grammar_, diagnostics};
};

}  // namespace berth::test
