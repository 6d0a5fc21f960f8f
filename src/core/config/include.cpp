// Reads files, parses them by their syntax, and puts what they include in the place of the `include`.
#include "core/config/include.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>

#include "core/config/nginx_syntax.hpp"
#include "core/config/yaml_syntax.hpp"
#include "core/result.hpp"
#include "core/system/file_descriptor.hpp"

namespace berth {
namespace {

constexpr std::size_t kMaxFileBytes = 64U << 20;
constexpr std::size_t kMaxIncludes = 100'000;  // files that all patterns together may name

Result<std::string> read_file(const std::string& path) {
    // A FIFO would wait for somebody who writes to it.
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!file) return system_error("open", path, errno);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return system_error("stat", path, errno);
    if (S_ISDIR(status.st_mode)) return system_error("read", path, EISDIR);
    if (!S_ISREG(status.st_mode)) return Error("\"" + path + "\" is not a regular file");
    std::string text;
    char buffer[65536];
    ssize_t got = 0;
    do {
        got = ::read(file.get(), buffer, sizeof buffer);
        if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
    } while ((got > 0 && text.size() <= kMaxFileBytes) || (got < 0 && errno == EINTR));
    if (got < 0) return system_error("read", path, errno);
    if (text.size() > kMaxFileBytes)
        return Error(fmt::format("\"{}\" is larger than {} MiB", path, kMaxFileBytes >> 20));
    return text;
}

std::string folder_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string() : std::string(path.substr(0, slash + 1));
}

class Reader {
 public:
    Reader(std::string_view main_file, const Grammar& grammar, ConfigTree& tree, Diagnostics& diagnostics)
        : folder_(folder_of(main_file)), grammar_(grammar), tree_(tree), diagnostics_(diagnostics) {}

    void main_file(const std::string& path) {
        if (const Source* source = load(path, Origin{})) read(*source, Place{}, tree_.root.children);
    }
    void text(std::string path, std::string content, Syntax syntax) {
        read(keep(std::move(path), std::move(content), syntax), Place{}, tree_.root.children);
    }
    // For a tree that nobody will load: names that their block does not have. Of files with errors in their
    // syntax nothing more is said, nor of what stands in their blocks.
    void check_names(const std::vector<Node>& nodes, Place place);

 private:
    const Source& keep(std::string path, std::string content, Syntax syntax);
    const Source* load(const std::string& path, const Origin& at);
    void read(const Source& source, Place place, std::vector<Node>& into);
    void resolve(std::vector<Node>& nodes, Place place);
    void include(const Node& statement, Place place, std::vector<Node>& into);
    std::vector<std::string> files_of(const Word& pattern);
    std::string chain(std::string_view last) const;

    std::string folder_;
    const Grammar& grammar_;
    ConfigTree& tree_;
    Diagnostics& diagnostics_;
    std::size_t included_ = 0;
    std::set<const Source*> broken_;   // files with errors in their syntax
    std::vector<const Source*> open_;  // files being read, each included by the one before it
};

const Source& Reader::keep(std::string path, std::string content, Syntax syntax) {
    auto source = std::make_unique<Source>();
    source->path = std::move(path);
    source->text = std::move(content);
    source->syntax = syntax;
    tree_.sources.push_back(std::move(source));
    return *tree_.sources.back();
}

// The text of a file; one that is included in several places is kept once.
const Source* Reader::load(const std::string& path, const Origin& at) {
    for (const auto& source : tree_.sources) {
        if (source->path == path) return source.get();
    }
    Result<std::string> content = read_file(path);
    if (content.ok()) return &keep(path, std::move(content).value(), syntax_of(path));
    diagnostics_.error(at, content.error().message);
    return nullptr;
}

void Reader::read(const Source& source, Place place, std::vector<Node>& into) {
    std::vector<Node> nodes;
    const std::size_t before = diagnostics_.errors();
    if (source.syntax == Syntax::yaml) {
        parse_yaml(source, grammar_, place, nodes, diagnostics_);
    } else {
        parse_nginx(source, grammar_, place, nodes, diagnostics_);
    }
    if (diagnostics_.errors() > before) broken_.insert(&source);
    open_.push_back(&source);
    resolve(nodes, place);
    open_.pop_back();
    into.insert(into.end(), std::make_move_iterator(nodes.begin()), std::make_move_iterator(nodes.end()));
}

void Reader::resolve(std::vector<Node>& nodes, Place place) {
    std::vector<Node> resolved;
    bool changed = false;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        Node& node = nodes[i];
        if (node.name == "include" && !node.block && (!place.data || node.args.size() == 1)) {
            if (!changed)
                resolved.assign(std::make_move_iterator(nodes.begin()),
                                std::make_move_iterator(nodes.begin() + static_cast<std::ptrdiff_t>(i)));
            changed = true;
            include(node, place, resolved);
            continue;
        }
        if (node.block) {
            const Directive* row = place.data ? nullptr : grammar_.find(node.name, place.context);
            resolve(node.children, Grammar::inside(row));
        }
        if (changed) resolved.push_back(std::move(node));
    }
    if (changed) nodes = std::move(resolved);
}

void Reader::include(const Node& statement, Place place, std::vector<Node>& into) {
    if (statement.args.size() != 1) {
        diagnostics_.error(statement.at, "\"include\" takes one file or pattern");
        return;
    }
    const Word& pattern = statement.args.front();
    for (const std::string& path : files_of(pattern)) {
        const Source* source = load(path, pattern.at);
        if (source == nullptr) continue;
        if (++included_ > kMaxIncludes) {
            diagnostics_.error(pattern.at, fmt::format("more than {} files are included", kMaxIncludes));
            return;
        }
        const bool loops = std::find(open_.begin(), open_.end(), source) != open_.end();
        if (loops || open_.size() == kMaxIncludeDepth) {
            const std::string_view what =
                loops ? "files include each other" : "too many files include each other";
            diagnostics_.error(pattern.at, fmt::format("{}: {}", what, chain(path)));
            continue;
        }
        read(*source, place, into);
    }
}

// The files a pattern names, sorted. A plain name is returned as it is: whether it exists is for load() to
// say.
std::vector<std::string> Reader::files_of(const Word& pattern) {
    const std::string path = pattern.text.starts_with('/') ? pattern.text : folder_ + pattern.text;
    if (pattern.text.find_first_of("*?[") == std::string::npos) return {path};
    glob_t found{};
    const int outcome = ::glob(path.c_str(), 0, nullptr, &found);
    std::vector<std::string> files(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    ::globfree(&found);
    if (outcome != 0 && outcome != GLOB_NOMATCH) {
        diagnostics_.error(pattern.at, fmt::format("the files of \"{}\" cannot be listed", path));
    }
    return files;
}

void Reader::check_names(const std::vector<Node>& nodes, Place place) {
    if (place.data) return;
    for (const Node& node : nodes) {
        if (broken_.contains(node.at.source)) continue;
        if (const Directive* row = grammar_.find(node.name, place.context)) {
            check_names(node.children, Grammar::inside(row));
            continue;
        }
        Grammar::Advice advice = grammar_.unknown(node.name, place.context);
        diagnostics_.error(node.at, std::move(advice.message), std::move(advice.hint));
    }
}

std::string Reader::chain(std::string_view last) const {
    std::string text;
    for (const Source* source : open_) text += source->path + " -> ";
    return text.append(last);
}

}  // namespace

std::string find_config(const std::string& path) {
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0 || !S_ISDIR(about.st_mode)) return path;
    const std::string folder = path.ends_with('/') ? path : path + '/';
    const std::string yaml = folder + "cluster.yaml";
    return ::access(yaml.c_str(), F_OK) == 0 || ::access((folder + "nginx.conf").c_str(), F_OK) != 0
               ? yaml
               : folder + "nginx.conf";
}

Syntax syntax_of(std::string_view path) {
    return path.ends_with(".yaml") || path.ends_with(".yml") ? Syntax::yaml : Syntax::nginx;
}

bool read_config(const std::string& path, std::string_view extra, const Grammar& grammar, ConfigTree& tree,
                 Diagnostics& diagnostics) {
    Reader reader(path, grammar, tree, diagnostics);
    tree.root.block = true;
    if (!extra.empty()) reader.text("command line", std::string(extra), Syntax::nginx);
    reader.main_file(path);
    if (!diagnostics.failed()) return true;
    reader.check_names(tree.root.children, Place{});
    return false;
}

bool read_config_text(std::string path, std::string text, Syntax syntax, const Grammar& grammar,
                      ConfigTree& tree, Diagnostics& diagnostics) {
    Reader reader(path, grammar, tree, diagnostics);
    tree.root.block = true;
    reader.text(std::move(path), std::move(text), syntax);
    if (!diagnostics.failed()) return true;
    reader.check_names(tree.root.children, Place{});
    return false;
}

}  // namespace berth
