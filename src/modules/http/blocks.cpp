// http{}, server{} and location{}: how they are read and how settings pass from one to the next.
#include "modules/http/blocks.hpp"

#include "core/cycle.hpp"
#include "core/module.hpp"
#include "core/text/ascii.hpp"
#include "modules/http/contexts.hpp"
#include "modules/shared/pattern.hpp"

namespace berth::http {

namespace {

Block* enclosing(Loader& loader, Context context) {
    Block* block = &loader.block();
    while (block != nullptr && block->context != context) block = block->outer;
    return block;
}

void inherit_locations(Location& location, const ConfSet& outer, Loader& loader) {
    location.settings.inherit(&outer, loader, loader.arena());
    for (Location* child : location.children) {
        child->internal_only |= location.internal_only;
        if (child->kind == Location::Kind::condition && child->content.run == nullptr)
            child->content = location.content;
        inherit_locations(*child, location.settings, loader);
    }
}

// What a location is called and how its URIs are matched, from the arguments of its block.
struct LocationName {
    Location::Kind kind = Location::Kind::prefix;
    bool ignore_case = false;
    const Word* word = nullptr;
    std::string text;
};

bool read_modifier(std::string_view modifier, LocationName& name) {
    if (modifier == "=") return name.kind = Location::Kind::exact, true;
    if (modifier == "^~") return name.kind = Location::Kind::prefix_final, true;
    if (modifier == "~") return name.kind = Location::Kind::regex, true;
    if (modifier == "~*") return name.kind = Location::Kind::regex, name.ignore_case = true, true;
    return false;
}

bool read_location_name(Loader& loader, const Node& node, LocationName& name) {
    name.word = &node.args.back();
    name.text = name.word->text;
    if (node.args.size() == 2) {
        if (read_modifier(node.args[0].text, name)) return true;
        loader.error(node.args[0].at, "invalid location modifier \"" + node.args[0].text + "\"",
                     "it is one of: =, ^~, ~, ~*");
        return false;
    }
    // A modifier may stick to its name: "=/x". The longer ones first.
    for (std::string_view modifier : {"^~", "~*", "=", "~"}) {
        if (!name.text.starts_with(modifier)) continue;
        read_modifier(modifier, name);
        name.text.erase(0, modifier.size());
        return true;
    }
    if (name.text.starts_with('@')) name.kind = Location::Kind::named;
    return true;
}

bool compile_regex(Loader& loader, const LocationName& name, Location& location) {
    location.pattern = Pattern::compile(loader, name.text, name.word->at, {.ignore_case = name.ignore_case});
    return location.pattern != nullptr;
}

bool check_nesting(Loader& loader, const LocationName& name, const Location& outer) {
    const std::string quoted = '"' + name.text + '"';
    if (outer.kind == Location::Kind::root) return true;
    if (outer.kind == Location::Kind::exact || outer.kind == Location::Kind::named) {
        loader.error(name.word->at, "location " + quoted + " cannot stand inside \"" + outer.name + "\"",
                     "an exact or a named location has no locations inside");
        return false;
    }
    if (name.kind == Location::Kind::named) {
        loader.error(name.word->at, "named location " + quoted + " can only stand directly in server");
        return false;
    }
    if (name.kind != Location::Kind::regex && outer.kind != Location::Kind::regex &&
        !name.text.starts_with(outer.name)) {
        loader.error(name.word->at, "location " + quoted + " is outside location \"" + outer.name + "\"",
                     "its URI must begin with that of the location around it");
        return false;
    }
    return true;
}

bool place(Location& outer, Location& location) {
    switch (location.kind) {
        case Location::Kind::exact: return outer.inner.add_exact(location.name, location);
        case Location::Kind::prefix:
        case Location::Kind::prefix_final: return outer.inner.add_prefix(location.name, location);
        case Location::Kind::named: return outer.inner.add_named(location.name, location);
        case Location::Kind::regex: outer.inner.add_regex(location); return true;
        case Location::Kind::root:
        case Location::Kind::condition: break;
    }
    return true;
}

void add_modules(HttpConf& conf) {
    HttpBuilder builder(conf.plan, conf.variables);
    for (const Module* module : modules()) {
        if (module->http != nullptr) module->http(builder);
    }
}

}  // namespace

HttpBlock& current_http(Loader& loader) {
    return *static_cast<HttpBlock*>(enclosing(loader, in_http_block)->object);
}

Server& current_server(Loader& loader) { return *static_cast<Server*>(enclosing(loader, in_server)->object); }

Location* current_location(Loader& loader) {
    for (Block* block = &loader.block(); block != nullptr; block = block->outer) {
        if (block->context == in_http_block) return nullptr;
        if (block->context == in_server) return &static_cast<Server*>(block->object)->root;
        if (block->at(Level::location) != nullptr) return static_cast<Location*>(block->object);
    }
    return nullptr;
}

Location& read_inner_location(Loader& loader, const Node& node, Context context, Location::Kind kind) {
    Location& outer = *current_location(loader);
    Location& location = *loader.arena().create<Location>();
    location.kind = kind;
    location.outer = &outer;
    location.at = node.at;
    location.name = outer.name;
    outer.children.push_back(&location);
    Block block;
    block.context = context;
    block.at(Level::location) = &location.settings;
    block.object = &location;
    loader.read_block(node, block);
    return location;
}

// location [= | ^~ | ~ | ~*] URI { … }; its name must be known before its block is read, because inner
// locations are checked against it.
void open_location(Loader& loader, const Node& node) {
    LocationName name;
    if (!read_location_name(loader, node, name)) return;
    Location& outer = *current_location(loader);
    Location& location = *loader.arena().create<Location>();
    location.kind = name.kind;
    location.name = name.text;
    location.outer = &outer;
    location.at = node.at;
    const bool named_well = check_nesting(loader, name, outer);
    if (named_well && (name.kind != Location::Kind::regex || compile_regex(loader, name, location))) {
        if (!place(outer, location)) {
            loader.error(name.word->at, "duplicate location \"" + name.text + "\"");
        }
    }
    outer.children.push_back(&location);
    Block block;
    block.context = in_location;
    block.at(Level::location) = &location.settings;
    block.object = &location;
    loader.read_block(node, block);
}

// limit_except METHOD… { … }
void open_limit_except(Loader& loader, const Node& node) {
    Location& outer = *current_location(loader);
    for (const Word& word : node.args) {
        std::string name = word.text;
        for (char& c : name) c = ascii::to_upper(c);
        const Method method = method_of(name);
        if (method == Method::other) {
            loader.error(
                word.at, "unknown method \"" + word.text + "\" in \"limit_except\"",
                "GET (HEAD goes with it), HEAD, POST, PUT, DELETE, PATCH, OPTIONS, MKCOL, COPY, MOVE, "
                "PROPFIND, PROPPATCH, LOCK and UNLOCK are known");
        }
        outer.named_methods |= static_cast<std::uint32_t>(method);
        if (method == Method::get) outer.named_methods |= static_cast<std::uint32_t>(Method::head);
    }
    outer.other_methods = &read_inner_location(loader, node, in_limit_except, Location::Kind::condition);
}

void open_server(Loader& loader, const Node& node) {
    Server& server = *loader.arena().create<Server>();
    server.at = node.at;
    HttpBlock& http = current_http(loader);
    http.conf->servers.push_back(&server);
    Block block;
    block.context = in_server;
    block.at(Level::server) = &server.settings;
    block.at(Level::location) = &server.root.settings;
    block.object = &server;
    loader.read_block(node, block);
    if (!server.listens) http.listens.push_back({default_address(), {}, false, false, &server, node.at});
}

void open_http(Loader& loader, const Node& node) {
    Arena& arena = loader.arena();
    ConfSet& main = *arena.create<ConfSet>(Level::main);
    ConfSet& server = *arena.create<ConfSet>(Level::server);
    ConfSet& location = *arena.create<ConfSet>(Level::location);
    HttpConf& conf = main.own<HttpConf>(arena);
    conf.settings = &main;
    loader.cycle().own<HttpRoot>().http = &conf;
    HttpBlock http;
    http.conf = &conf;
    loader.use_variables(&conf.variables);
    add_modules(conf);
    Block block;
    block.context = in_http_block;
    block.at(Level::main) = &main;
    block.at(Level::server) = &server;
    block.at(Level::location) = &location;
    block.object = &http;
    loader.read_block(node, block);
    main.inherit(nullptr, loader, arena);
    server.inherit(nullptr, loader, arena);
    location.inherit(nullptr, loader, arena);
    for (Server* each : conf.servers) {
        each->settings.inherit(&server, loader, arena);
        inherit_locations(each->root, location, loader);
    }
    make_sockets(loader, http);
    conf.variables.check(loader.diagnostics());
    loader.use_variables(nullptr);
}

}  // namespace berth::http
