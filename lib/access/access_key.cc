#include "lib/access/access_key.h"

#include <cerrno>

#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/hex.h"
#include "lib/base/strings.h"
#include "lib/sasl/derived_password.h"
#include "lib/tls/random.h"

namespace relais {

namespace {

constexpr std::size_t kKeySize = 32;
constexpr unsigned kMode = 0600;  // whoever else may read the mailbox

std::string path_in(const std::string& directory) {
    return directory + "/" + std::string(kAccessKeyFile);
}

}  // namespace

Result<std::optional<std::string>> read_access_key(const std::string& directory) {
    auto text = read_file(path_in(directory), 1000);
    if (!text && text.error().sys_errno == ENOENT) {
        return std::nullopt;
    }
    if (!text) {
        return fail_with(text);
    }
    auto key = hex_decode(trim(*text));
    if (!key || key->size() != kKeySize) {
        return fail(Errc::kCorrupt, path_in(directory) + ": this is no key");
    }
    return key;
}

Result<std::string> access_key(const std::string& directory) {
    auto known = read_access_key(directory);
    if (!known) {
        return fail_with(known);
    }
    if (*known) {
        return **known;
    }
    std::string key = random_bytes(kKeySize);
    auto written = replace_file(path_in(directory), hex_encode(key) + "\n", kMode);
    return written ? Result<std::string>(std::move(key)) : fail_with(written);
}

Result<void> remove_access_key(const std::string& directory) {
    std::string path = path_in(directory);
    bool gone = ::unlink(path.c_str()) == 0 || errno == ENOENT;
    return gone ? Result<void>() : fail_errno("remove " + path);
}

std::string access_token(std::string_view key, std::string_view rump) {
    return hex_encode(scram_hmac(ScramHash::kSha256, key, rump));
}

}  // namespace relais
