#include "lib/dns/hosts_file.h"

#include <algorithm>

#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/socket_address.h"

namespace relais {

static constexpr std::size_t kLargestHostsFile = std::size_t{16} << 20;

HostsFile::HostsFile(std::string path) : path_(std::move(path)) {
    refresh();
}

void HostsFile::refresh() {
    if (!next_look_.passed()) {
        return;
    }
    next_look_ = Deadline::after(std::chrono::seconds(5));
    struct stat info{};
    // In a chroot without the file, what was read before goes on.
    if (::stat(path_.c_str(), &info) != 0 ||
        (info.st_mtim.tv_sec == modified_ && info.st_mtim.tv_nsec == modified_ns_)) {
        return;
    }
    auto text = read_file(path_, kLargestHostsFile);
    if (text) {
        modified_ = info.st_mtim.tv_sec;
        modified_ns_ = info.st_mtim.tv_nsec;
        load(*text);
    }
}

void HostsFile::load(std::string_view text) {
    addresses_.clear();
    names_.clear();
    for (std::string_view line : split_fields(text, '\n')) {
        line = line.substr(0, line.find('#'));
        std::vector<std::string_view> words = split_words(line);
        if (words.size() < 2) {
            continue;
        }
        auto address = SocketAddress::parse(words[0], 0);
        if (!address) {
            continue;
        }
        std::string host = address->host();
        names_.try_emplace(host, words[1]);
        for (std::size_t i = 1; i < words.size(); ++i) {
            auto& list = addresses_[lowercase(words[i])];
            if (std::find(list.begin(), list.end(), host) == list.end()) {
                list.push_back(host);
            }
        }
    }
}

std::vector<std::string> HostsFile::addresses(std::string_view name) {
    refresh();
    auto found = addresses_.find(lowercase(trim_right(name, ".")));
    return found != addresses_.end() ? found->second : std::vector<std::string>();
}

std::string HostsFile::name(const std::string& address) {
    refresh();
    auto found = names_.find(address);
    return found != names_.end() ? found->second : std::string();
}

}  // namespace relais
