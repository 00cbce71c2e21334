#include "tools/doveadm/command.h"

#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/strings.h"

#include "tools/doveadm/status.h"

namespace relais::doveadm {

std::unique_ptr<Printer> Globals::printer(std::string_view usual) const {
    return Printer::make(form.empty() ? usual : form);
}

void command_usage(const Command& command) {
    std::string line = format("doveadm {} {}\n", command.name, command.usage);
    std::fwrite(line.data(), 1, line.size(), stderr);
    std::exit(kUsage);
}

OptionWords::OptionWords(const Command& command, Words words) : known_(command.options) {
    auto name = split_words(command.name);
    words.emplace(words.begin(), name.back());  // whom getopt(3) speaks of
    std::vector<char*> arguments;
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    int count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    ::optind = 0;
    for (int option; (option = ::getopt(count, arguments.data(), known_.c_str())) != -1;) {
        if (option == '?') {
            std::exit(kUsage);
        }
        values_[static_cast<char>(option)].emplace_back(::optarg == nullptr ? "" : ::optarg);
    }
    for (int i = ::optind; i < count; ++i) {
        rest_.emplace_back(arguments[static_cast<std::size_t>(i)]);
    }
}

std::string OptionWords::get(char option) const {
    const Words& values = all(option);
    return values.empty() ? "" : values.back();
}

const Words& OptionWords::all(char option) const {
    static const Words none;
    auto found = values_.find(option);
    return found == values_.end() ? none : found->second;
}

Words OptionWords::without(std::string_view letters) const {
    Words words;
    for (const auto& [letter, values] : values_) {
        const bool takes_value = known_.contains(std::string{letter, ':'});
        for (const std::string& value : letters.contains(letter) ? Words() : values) {
            words.push_back(std::string{'-', letter});
            if (takes_value) {
                words.push_back(value);
            }
        }
    }
    return words;
}

void OptionWords::expect_at_most(std::size_t words) const {
    if (rest_.size() > words) {
        print_error(
            "",
            "Extraneous arguments found: " +
                join(Words(rest_.begin() + static_cast<std::ptrdiff_t>(words), rest_.end()), " "));
        std::exit(kUsage);
    }
}

}  // namespace relais::doveadm
