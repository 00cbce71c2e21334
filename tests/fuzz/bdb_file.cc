// Fuzz target: a .db file of arbitrary bytes, looked up in and listed.
#include "lib/maps/bdb/bdb_file.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

namespace {

void use(int fd, relais::BdbFile::Kind kind) {
    auto db = relais::BdbFile::open(fd, kind, 4096);
    if (!db) {
        return;
    }
    std::string key;
    std::string value;
    for (const char* wanted : {"", "key0", "key7", "key30", "dup", "zzz"}) {
        static_cast<void>((*db)->find(wanted, value));
        static_cast<void>((*db)->find(std::string(wanted) + '\0', value));
    }
    for (int i = 0; i < 1000; ++i) {
        auto more = (*db)->next(key, value);
        if (!more || !*more) {
            break;
        }
    }
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    int fd = ::memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || ::write(fd, data, size) != static_cast<ssize_t>(size)) {
        ::close(fd);
        return 0;
    }
    use(fd, relais::BdbFile::Kind::kHash);
    use(fd, relais::BdbFile::Kind::kBtree);
    ::close(fd);
    return 0;
}
