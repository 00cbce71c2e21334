// postcat(1): shows queue files, as a person can read them.  Needs read permission on the queue.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/command.h"
#include "lib/config/config.h"
#include "lib/daemon/sandbox.h"
#include "lib/queue/queue_config.h"

#include "tools/postcat/queue_file_printer.h"

using namespace relais;

namespace {

constexpr CommandKind kCommand{"postcat", 1, CommandLog::kStderr};

// Besides the files that are named.
constexpr SandboxTable kSandbox = {
    .files = {},
};
// Of messages that are named.
constexpr SandboxTable kQueueSandbox = {
    .files = {{Access::kRead, "@queues"}},
};

[[noreturn]] void usage() {
    log_fatal(
        "usage: {} [-b (body text)] [-c config_dir] [-d (decimal record type)] [-e (envelope "
        "records)] [-h (header text)] [-q (access queue)] [-v] [file(s)...]",
        log_options().stderr_name);
}

struct Options {
    PrintOptions print;
    bool by_queue_id = false;
};

void parse_offset(const std::string& text, PrintOptions& print) {
    auto offset = parse_uint(text);
    if (!offset || *offset > INT64_MAX) {
        log_fatal("bad offset: {}", text);
    }
    print.start_offset = static_cast<std::int64_t>(*offset);
}

Options parse(int argc, char** argv) {
    Options options;
    PrintOptions& print = options.print;
    for (int option; (option = ::getopt(argc, argv, "+bc:defhoqrs:v")) != -1;) {
        switch (option) {
            case 'b':
                print.body = true;
                break;
            case 'c':
                use_config_directory(::optarg);
                break;
            case 'd':
                print.decimal_types = true;
                break;
            case 'e':
                print.envelope = true;
                break;
            case 'f':
                print.file_name = true;
                break;
            case 'h':
                print.header = true;
                break;
            case 'o':
                print.offsets = true;
                break;
            case 'q':
                options.by_queue_id = true;
                break;
            case 'r':
                print.raw = true;
                break;
            case 's':
                parse_offset(::optarg, print);
                break;
            case 'v':
                print.type_names = true;
                break;
            default:
                usage();
        }
    }
    if (!print.envelope && !print.header && !print.body) {
        print.envelope = print.header = print.body = true;
    }
    return options;
}

struct OpenFile {
    UniqueFd fd;
    std::string path;
};

OpenFile open_by_id(const QueueDirs& dirs, const std::string& id) {
    if (!valid_queue_id(id)) {
        log_fatal("bad mail queue ID: {}", id);
    }
    int why = ENOENT;
    for (std::string_view queue : {kMaildrop, kIncoming, kActive, kDeferred, kHold, kSaved}) {
        std::string path = dirs.path(queue, id);
        auto fd = open_file(path, O_RDONLY);
        if (fd) {
            return {std::move(*fd), path};
        }
        why = fd.error().sys_errno == ENOENT ? why : fd.error().sys_errno;
    }
    log_fatal("open queue file {}: {}", id, std::strerror(why));
}

OpenFile open_by_name(const std::string& path) {
    auto fd = open_file(path, O_RDONLY);
    if (!fd) {
        log_fatal("{}", fd.error().message);
    }
    return {std::move(*fd), path};
}

void print(const OpenFile& file, const PrintOptions& options) {
    QueueFilePrinter printer(options, file.path);
    if (auto printed = printer.print(file.fd.get()); !printed) {
        std::fflush(stdout);
        log_fatal("{}: {}", file.path, printed.error().message);
    }
}

std::vector<KnownPlace> places_of_files(const std::vector<std::string>& names) {
    std::vector<KnownPlace> places;
    for (const std::string& name : names) {
        places.push_back({Access::kRead, name});
    }
    return places;
}

}  // namespace

int main(int argc, char** argv) {
    begin_command(kCommand, argv, CalledAs::kPath);
    Options options = parse(argc, argv);
    configure_command(kCommand);
    std::vector<std::string> names(argv + ::optind, argv + argc);
    if (options.by_queue_id && ::chdir(conf().queue_directory().c_str()) != 0) {
        log_fatal("chdir {}: No such file or directory", conf().queue_directory());
    }
    enter_sandbox(options.by_queue_id ? kQueueSandbox : kSandbox, places_of_files(names));
    if (names.empty()) {
        print(OpenFile{UniqueFd(::dup(STDIN_FILENO)), "stdin"}, options.print);
    } else if (options.by_queue_id) {
        QueueDirs dirs = queue_dirs_from(conf());
        for (const std::string& id : names) {
            print(open_by_id(dirs, id), options.print);
        }
    } else {
        for (const std::string& name : names) {
            print(open_by_name(name), options.print);
        }
    }
    return std::fflush(stdout) == 0 ? 0 : 1;
}
