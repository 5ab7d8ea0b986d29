#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/demo_s3.h"
#include "app/demo_tools.h"

namespace dl::app {

struct Person {
  std::string name, key_id, secret;
};

// A node of the demo: its daemon as a child process, its commands, its clients. Destroyed: the daemon and every
// container of its data directory are ended.
class DemoNode {
 public:
  enum class Role { kHub, kDevice };
  // work: the demo's directory; the node's data lies in work/name. program: this program's path.
  DemoNode(Role role, std::string name, std::string work, std::string program);
  ~DemoNode();
  DemoNode(const DemoNode&) = delete;
  DemoNode& operator=(const DemoNode&) = delete;

  const std::string& name() const { return name_; }
  const std::string& dir() const { return dir_; }
  const std::string& data_url() const { return data_; }  // stays the same over restarts
  const std::string& link() const { return link_; }
  std::string ca_file() const { return dir_ + "/ca.pem"; }
  std::string region() const { return role_ == Role::kHub ? "us-east-1" : name_; }
  void set_person(Person person) { person_ = std::move(person); }
  const Person& person() const { return person_; }

  // Starts the daemon and waits for its ready line. Errors carry the end of its log.
  Result<void> start();
  Result<void> kill();  // SIGKILL to the daemon alone
  void end_daemon();    // SIGTERM, later SIGKILL
  // Ends, by process id, each conmon whose words name this data directory and all below it. How many processes.
  size_t end_containers();

  // A command of this program on this node, with -o json. Errors: what it said.
  Result<format::Json> command(std::vector<std::string> words, Millis deadline = Millis(60'000));
  // The AWS CLI as this node's person. Errors: what it said.
  Result<std::string> aws(std::vector<std::string> words, Millis deadline = Millis(600'000));
  std::map<std::string, std::string> aws_environment() const;
  Result<std::unique_ptr<DemoS3>> s3() const;

 private:
  Result<void> read_ready_line(const std::string& log);
  std::set<pid_t> container_processes() const;

  Role role_;
  std::string name_, work_, dir_, program_;
  std::string data_, admin_, link_;
  unsigned starts_ = 0;
  Person person_;
  std::optional<Process> daemon_;
};

// The AWS CLI that the demo uses; empty when there is none.
std::string find_aws();

}  // namespace dl::app
