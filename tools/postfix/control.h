// What `postfix` does with the running master: start, stop, reload and their like.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relais::postfix_command {

// Log lines from here on carry the name of one of Postfix's scripts, and show on a terminal.
void open_script_log(std::string_view script = "postfix-script");

// Logs the reason, on standard error too, and exits with status 1.
[[noreturn]] void refuse(std::string_view reason);

// Replaces this process.
[[noreturn]] void execute(const std::vector<std::string>& argv);

// Runs a program of the mail system and waits; its exit status.
int run_and_wait(const std::vector<std::string>& argv);

class Control {
  public:
    explicit Control(int verbose) : verbose_(verbose) {}

    // Each returns an exit status.
    int start();
    int start_in_foreground();
    int stop();
    int quick_stop();
    int abort();
    int drain();
    int reload();
    int status();
    int flush();
    int check();

    // The pid of the running master.
    std::optional<long> master_pid() const;

  private:
    void require_running() const;
    void prepare_start();
    std::vector<std::string> master_command(std::string_view option) const;
    bool wait_for_end(long pid, int tenths) const;

    int verbose_;
};

}  // namespace relais::postfix_command
