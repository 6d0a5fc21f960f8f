// Names and numbers of the workers' own addresses.
#include "event/accept/worker_listen.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "core/config/loader.hpp"
#include "core/cycle.hpp"
#include "core/system/file_descriptor.hpp"
#include "core/text/ascii.hpp"
#include "core/text/number.hpp"
#include "event/events_module.hpp"
#include "event/listening.hpp"
#include "event/process/pid_file.hpp"
#include "event/process/process_conf.hpp"
#include "event/process/runtime_files.hpp"

namespace berth {

namespace {

// A worker's own process id would not do: all processes of a server know its sockets by this one.
pid_t master_pid = 0;

// Process ids have no more digits (PID_MAX_LIMIT, proc(5)).
constexpr pid_t kLongestPid = 4'194'304;

std::string socket_name(const Address& served) {
    return served.is_unix() ? fmt::format("unix-{:x}", served.hash()) : served.to_text();
}

std::string path_of(const std::string& folder, pid_t master, const Address& served, unsigned slot) {
    return fmt::format("{}/{}-{}-{}", folder, master, socket_name(served), slot);
}

// Whether socket_name() may have made this.
bool is_socket_name(std::string_view text) {
    if (text.starts_with("unix-")) {
        text.remove_prefix(5);
        const auto is_hex = [](char c) { return ascii::hex_value(c) >= 0; };
        return !text.empty() && text.size() <= 16 && std::ranges::all_of(text, is_hex);
    }
    const Result<Address> served = Address::parse(text);
    return served && !served->is_unix() && served->to_text() == text;
}

// The master of a socket that path_of() has named; nothing when that is another file.
std::optional<pid_t> master_of(int folder, const char* file) {
    const std::string_view name = file;
    const std::size_t first = name.find('-');
    const std::size_t last = name.rfind('-');
    if (first == last) return std::nullopt;
    const auto master = parse_unsigned(name.substr(0, first), kLongestPid);
    const auto slot = parse_unsigned(name.substr(last + 1), kMostWorkers);
    const std::string_view served = name.substr(first + 1, last - first - 1);
    if (!master || *master == 0 || !slot || !is_socket_name(served)) return std::nullopt;
    if (name != fmt::format("{}-{}-{}", *master, served, *slot)) return std::nullopt;
    struct stat status {};
    if (::fstatat(folder, file, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISSOCK(status.st_mode)) {
        return std::nullopt;
    }
    return static_cast<pid_t>(*master);
}

bool lives(pid_t process) { return process > 0 && (::kill(process, 0) == 0 || errno != ESRCH); }

// This server, the one whose place this takes, or the one that this configuration is tried for.
bool is_this_server(pid_t master, const std::string& pid_file) {
    if (master == master_pid || master == ::getppid()) return true;
    return master_pid == 0 && PidFile::holder(pid_file) == master;
}

// Why a folder with this file in it is not for this server.
std::string objection(const std::string& pid_file, int folder, const char* file) {
    const std::optional<pid_t> master = master_of(folder, file);
    if (!master) return fmt::format("\"{}\" in it is no socket of workers", file);
    if (!lives(*master) || is_this_server(*master, pid_file)) return {};
    return fmt::format("process {} has its workers' sockets there", *master);
}

std::string usual_folder(const Cycle& cycle) { return pid_path(cycle) + ".workers"; }

void use_folder(Loader& loader, Listening::Entry& entry, const WorkerListen& where) {
    Cycle& cycle = loader.cycle();
    cycle.own<ProcessConf>();  // is there although no directive of the main context is written
    const std::string folder = where.folder.empty() ? usual_folder(cycle) : cycle.below_prefix(where.folder);
    const Address served = entry.address;
    const std::string last = path_of(folder, kLongestPid, served, kMostWorkers);
    if (Result<Address> longest = Address::unix_path(last); !longest) {
        return loader.error(
            entry.at, "workers cannot have their sockets in \"" + folder + "\": " + longest.error().message,
            "write worker_listen unix:FOLDER with a shorter path, or 127.0.0.1:PORT+");
    }
    const auto against = [pid_file = pid_path(cycle)](int opened, const char* file) {
        return objection(pid_file, opened, file);
    };
    cycle.own<RuntimeFiles>().add_private_folder(folder, where.at.source != nullptr ? where.at : entry.at,
                                                 against);
    entry.private_address = [folder, served](unsigned slot) {
        return std::move(*Address::unix_path(path_of(folder, master_pid, served, slot)));
    };
}

// Is it one of so many ports, or of all addresses and has one of these ports?
bool is_among(const Listening::Entry& entry, const Address& first, unsigned ports) {
    const Address& address = entry.address;
    if (address.is_unix() || address.port() < first.port() || address.port() - first.port() >= int(ports))
        return false;
    if (address.bytes() == first.bytes()) return true;
    const bool of_its_family =
        address.family() == first.family() || (address.is_ipv6() && !entry.options.ipv6_only);
    return address.is_wildcard() && of_its_family;
}

struct Conflict {
    std::string what;
    const char* hint;
};

// Why each of so many workers cannot have a port of its own, if that is so.
std::optional<Conflict> find_conflict(const Listening& listening, const Listening::Entry& entry,
                                      const Address& first, unsigned workers) {
    if (first.port() + workers - 1 > 65535) {
        return Conflict{
            fmt::format("worker_listen {}+ leaves no ports for {} workers", first.to_text(), workers),
            "begin with a lower port"};
    }
    for (const Listening::Entry& other : listening.entries) {
        if (is_among(other, first, workers)) {
            return Conflict{fmt::format("worker_listen {}+ has {} ports for as many workers, and one of "
                                        "them is that of \"listen {}\"",
                                        first.to_text(), workers, other.address.to_text()),
                            "begin with another port"};
        }
        if (&other == &entry || !other.private_address) continue;
        const Address theirs = other.private_address(0);
        const int apart = std::abs(int{theirs.port()} - int{first.port()});
        if (theirs.bytes() != first.bytes() || apart >= static_cast<int>(workers)) continue;
        return Conflict{fmt::format("the ports of worker_listen {}+ are those of {}, too", first.to_text(),
                                    other.address.to_text()),
                        "give each `listen` its own worker_listen=ADDRESS:PORT+"};
    }
    return std::nullopt;
}

void use_ports(Loader& loader, Listening& listening, Listening::Entry& entry, const Address& first) {
    const unsigned workers = worker_count(loader.cycle().own<ProcessConf>());
    if (const auto conflict = find_conflict(listening, entry, first, workers)) {
        return loader.error(entry.at, conflict->what, conflict->hint);
    }
    entry.private_address = [first](unsigned slot) {
        Address address = first;
        address.set_port(static_cast<std::uint16_t>(first.port() + slot));
        return address;
    };
}

}  // namespace

Result<WorkerListen> WorkerListen::parse(std::string_view text) {
    WorkerListen parsed;
    if (text.starts_with("unix:")) {
        parsed.folder = text.substr(5);
        while (parsed.folder.ends_with('/')) parsed.folder.pop_back();
        return parsed;
    }
    if (!text.ends_with('+')) return Error("the first port is followed by a +");
    Result<Address> first = Address::parse(text.substr(0, text.size() - 1));
    if (!first) return first.error();
    if (first->is_unix() || first->port() == 0) return Error("a port is missing");
    if (!first->is_loopback()) return Error("workers listen on this machine's loopback only");
    parsed.first = std::move(*first);
    return parsed;
}

void name_worker_sockets_after(pid_t master) noexcept { master_pid = master; }

void remove_stale_sockets(const Listening& listening) {
    for (const Listening::Entry& entry : listening.entries) {
        if (!entry.private_address || !entry.private_address(0).is_unix()) continue;
        const std::filesystem::path folder =
            std::filesystem::path(entry.private_address(0).bytes()).parent_path();
        const FileDescriptor opened(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        std::error_code failed;
        for (const auto& file : std::filesystem::directory_iterator(folder, failed)) {
            const std::string name = file.path().filename();
            const std::optional<pid_t> master = master_of(opened.get(), name.c_str());
            if (master && !lives(*master)) ::unlinkat(opened.get(), name.c_str(), 0);
        }
    }
}

void remove_worker_folder(const Cycle& cycle) noexcept { ::rmdir(usual_folder(cycle).c_str()); }

void settle_worker_addresses(Loader& loader, Listening& listening) {
    const auto& usual = loader.cycle().own<EventsConf>().worker_listen;
    for (Listening::Entry& entry : listening.entries) {
        if (entry.strategy != Strategy::proxy) continue;
        const WorkerListen where = entry.options.worker_listen.value_or(*usual);
        if (where.first.specified()) {
            use_ports(loader, listening, entry, where.first);
        } else {
            use_folder(loader, entry, where);
        }
    }
}

std::string why_not_so_many(const Listening& listening, unsigned workers) {
    for (const Listening::Entry& entry : listening.entries) {
        if (!entry.private_address || entry.private_address(0).is_unix()) continue;
        const auto conflict = find_conflict(listening, entry, entry.private_address(0), workers);
        if (conflict) return conflict->what;
    }
    return {};
}

}  // namespace berth
