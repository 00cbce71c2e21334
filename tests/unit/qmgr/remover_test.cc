// Files that are removed on helper threads.
#include "qmgr/remover.cc"  // NOLINT: the sources of a program are in no archive

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <stdlib.h>

#include "lib/event/loop.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace relais::qmgr;

namespace {

Task<void> remove_one(Remover* remover, std::string path, int* error) {
    *error = co_await remover->remove(std::move(path));
}

Task<void> remove_all(std::vector<std::string> paths, std::vector<int>* errors) {
    Remover remover;
    TaskGroup group;
    errors->assign(paths.size(), -1);
    for (std::size_t i = 0; i < paths.size(); ++i) {
        group.spawn(remove_one(&remover, paths[i], &(*errors)[i]));
    }
    co_await group.join();
    co_await remover.close();
}

}  // namespace

TEST_CASE("qmgr/remover: each file is removed, and each caller has its own answer") {
    char name[] = "/tmp/relais-remover-XXXXXX";
    const std::string folder = ::mkdtemp(name);
    std::vector<std::string> paths;
    for (int i = 0; i < 300; ++i) {
        paths.push_back(folder + "/" + std::to_string(i));
        if (i % 3 != 0) {
            std::ofstream(paths.back()) << "x";
        }
    }
    std::filesystem::create_directory(paths[0]);
    std::vector<int> errors;
    Loop::current().run_task(remove_all(paths, &errors));
    CHECK(errors[0] == EISDIR);
    for (std::size_t i = 1; i < paths.size(); ++i) {
        INFO(i);
        CHECK(errors[i] == (i % 3 == 0 ? ENOENT : 0));
        CHECK_FALSE(std::filesystem::exists(paths[i]));
    }
    std::filesystem::remove_all(folder);
}
