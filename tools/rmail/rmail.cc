// rmail(8): takes a message from UUCP.  The From_ lines in front of it become the sender's address,
// the rest goes to sendmail(1).  Runs as whoever uuxqt makes it; the message comes from another
// host.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/command.h"
#include "lib/config/config.h"

#include "tools/rmail/sender_path.h"

using namespace relais;

namespace {

// sysexits.h
constexpr int kUsage = 64;
constexpr int kDataError = 65;
constexpr int kSystemError = 71;
constexpr CommandKind kCommand{"rmail", kSystemError, CommandLog::kStderr};
constexpr std::size_t kMaxLine = 2047;
constexpr std::size_t kChunk = 65536;

template <class... Args>
[[noreturn]] void give_up(int status, fmt::format_string<Args...> text, Args&&... args) {
    std::string why = fmt::vformat(text, fmt::make_format_args(args...));
    std::fputs(("rmail: " + why + "\n").c_str(), stderr);
    std::exit(status);
}

struct Options {
    std::string domain = "UUCP";  // -D: behind the host's name
    bool trace = false;           // -T
    std::vector<std::string> recipients;
};

[[noreturn]] void usage() {
    std::fputs("usage: rmail [-T] [-D domain] user ...\n", stderr);
    std::exit(kUsage);
}

Options parse(int argc, char** argv) {
    Options out;
    for (int option; (option = ::getopt(argc, argv, "D:T")) != -1;) {
        switch (option) {
            case 'D':
                out.domain = ::optarg;
                break;
            case 'T':
                out.trace = true;
                break;
            default:
                usage();
        }
    }
    for (int i = ::optind; i < argc; ++i) {
        std::string_view recipient = argv[i];
        if (recipient.starts_with('-')) {
            give_up(kUsage, "dash precedes argument: {}", recipient);
        }
        // One recipient, whatever there is in it.
        bool list = recipient.contains(',') && !recipient.contains('<');
        out.recipients.push_back(list ? format("<{}>", recipient) : std::string(recipient));
    }
    if (out.recipients.empty()) {
        usage();
    }
    return out;
}

struct Head {
    SenderPath sender;
    std::string begun;  // of the message itself: what has been read of it
};

// The From_ lines, and the first line behind them.
Head read_head() {
    Head head;
    std::string line;
    for (int c; (c = std::getchar()) != EOF;) {
        if (c != '\n') {
            line += static_cast<char>(c);
            if (line.size() > kMaxLine || c == '\0') {
                give_up(kDataError, "line too long");
            }
            continue;
        }
        auto taken = head.sender.add(line);
        if (!taken) {
            give_up(kDataError, "{}", taken.error().message);
        }
        if (*taken == SenderPath::Line::kOther) {
            head.begun = line + "\n";
            return head;
        }
        line.clear();
    }
    if (!line.empty()) {
        give_up(kDataError, "line too long");
    }
    if (head.sender.empty()) {
        std::exit(kDataError);
    }
    return head;
}

std::vector<std::string> sendmail_arguments(const Options& options, const SenderPath& sender) {
    std::string protocol = "-p" + options.domain;
    if (sender.has_host()) {
        protocol += format(":{}.{}", sender.host(), options.domain);
    }
    std::vector<std::string> out = {
        conf().sendmail_path(), "-G", "-oee", "-odq", "-oi", std::move(protocol),
        "-f" + sender.path()};
    out.insert(out.end(), options.recipients.begin(), options.recipients.end());
    return out;
}

// Returns in the parent: the child's process id, and where its input goes.
pid_t start(std::vector<std::string> arguments, int& input) {
    int fds[2];
    if (::pipe(fds) != 0) {
        give_up(kSystemError, "pipe: {}", std::strerror(errno));
    }
    pid_t child = ::fork();
    if (child < 0) {
        give_up(kSystemError, "fork: {}", std::strerror(errno));
    }
    if (child == 0) {
        std::vector<char*> argv;
        for (std::string& argument : arguments) {
            argv.push_back(argument.data());
        }
        argv.push_back(nullptr);
        ::dup2(fds[0], STDIN_FILENO);
        ::close(fds[0]);
        ::close(fds[1]);
        ::signal(SIGPIPE, SIG_DFL);
        ::execv(argv[0], argv.data());
        std::fputs(format("rmail: {}: {}\n", argv[0], std::strerror(errno)).c_str(), stderr);
        ::_exit(kSystemError);
    }
    ::close(fds[0]);
    input = fds[1];
    return child;
}

// Where sendmail does not read to the end, its exit status says why.  False where the message
// itself cannot be read to its end.
bool copy_message(std::string begun, int to) {
    while (!begun.empty() && write_all(to, begun)) {
        begun.resize(kChunk);
        begun.resize(std::fread(begun.data(), 1, begun.size(), stdin));
    }
    return std::ferror(stdin) == 0;
}

}  // namespace

int main(int argc, char** argv) {
    ::signal(SIGPIPE, SIG_IGN);
    begin_command(kCommand, argv);
    Options options = parse(argc, argv);
    configure_command(kCommand);
    Head head = read_head();
    auto arguments = sendmail_arguments(options, head.sender);
    if (options.trace) {
        std::fputs("Sendmail arguments:\n", stderr);
        for (const std::string& argument : arguments) {
            std::fputs(("\t" + argument + "\n").c_str(), stderr);
        }
    }
    int input = -1;
    pid_t child = start(std::move(arguments), input);
    if (!copy_message(std::move(head.begun), input)) {
        ::kill(child, SIGKILL);  // a part of a message is none
        give_up(kSystemError, "error reading the message");
    }
    ::close(input);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            give_up(kSystemError, "waitpid: {}", std::strerror(errno));
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : kSystemError;
}
