// Random bytes from outside for the generator of the TLS library, and the file that carries its
// state over restarts.  The kernel has seeded the generator already: what is here comes on top.
#pragma once

#include <cstddef>
#include <string>

#include "lib/base/unique_fd.h"

namespace relais::tlsmgr {

// tls_random_source: "dev:/dev/urandom", "egd:/path" (the protocol of the Entropy Gathering
// Daemon), or a file, which is read anew each time.
class EntropySource {
  public:
    // Opens what can be kept open.  Problems are logged.
    explicit EntropySource(std::string text);

    // Gives the generator `count` bytes.  Ends the process where the source is of no use: the next
    // one tries anew.
    void feed(std::size_t count);

  private:
    enum class Kind { kNone, kDevice, kEgd, kFile };

    std::string read_device(std::size_t count);
    std::string read_egd(std::size_t count);

    Kind kind_ = Kind::kNone;
    std::string text_;  // as in main.cf
    std::string path_;
    UniqueFd fd_;
};

// tls_random_exchange_name.
class ExchangeFile {
  public:
    // Opened, or made, as who owns it.
    explicit ExchangeFile(std::string path);

    // The generator takes what is in the file, and leaves something new there.  Ends the process
    // where the file was removed: the next one makes it anew.
    void update();

  private:
    std::string path_;
    UniqueFd fd_;
};

}  // namespace relais::tlsmgr
