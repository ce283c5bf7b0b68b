@egress
Feature: Manuals from the web
  Manuel fetches a manual from a public address for somebody who has only that. It goes nowhere else: not to the machine
  it runs on, not into its operator's network, not where a public site would lead it.

  @stores @exact
  Scenario: A manual from a public site is stored and can be asked about
    When Anna has a manual fetched from "a public site"
    Then Anna is told that the manual is taken
    And Manuel has asked there 1 time
    And the manual "kettle" of Anna is whole
    And Anna has exactly 1 manual in store
    When Anna asks "How many litres does the kettle hold?"
    Then the answer to Anna says "1.7 litres"
    And the answer to Anna cites only the manual "kettle"

  Scenario Outline: The manual is called as its site calls it, and else as its address ends: <place>
    When Anna has a manual fetched from "<place>"
    Then the manual "kettle" of Anna becomes ready
    When Anna lists the manuals
    Then Anna sees these manuals:
      | name   | pages | status |
      | <name> | 1     | ready  |

    Examples:
      | place                                       | name      |
      | a public site                               | manual.md |
      | a public site that calls it 'Kettle.md'     | Kettle.md |
      | a public site that calls it '../../Kettle.md' | Kettle.md |
      | a public site that calls it nothing         | named     |

  Scenario: A name that is asked for counts before all others
    When Anna has a manual fetched from "a public site that calls it 'Kettle.md'", to be called "My kettle"
    Then the manual "kettle" of Anna becomes ready
    When Anna lists the manuals
    Then Anna sees these manuals:
      | name      | pages | status |
      | My kettle | 1     | ready  |

  @stores
  Scenario: A name that cannot be one is refused, and nobody is asked
    When Anna has a manual fetched from "a public site", to be called " "
    Then Anna is refused because "the name cannot be one"
    And Manuel has asked there 0 times
    And Anna has exactly 0 manuals in store

  @stores
  Scenario: A site that leads on is followed three times
    When Anna has a manual fetched from "a public site that leads on three times"
    Then Anna is told that the manual is taken
    And Manuel has asked there 4 times
    And Anna has exactly 1 manual in store

  @stores
  Scenario: Fetched twice, it is two manuals: what stands there may have changed
    When Anna has a manual fetched from "a public site"
    And Anna has a manual fetched from "a public site"
    Then Anna has exactly 2 manuals in store

  @stores
  Scenario Outline: <place> gives no manual, and nothing is stored
    When Anna has a manual fetched from "<place>"
    Then Anna is refused because "<reason>"
    And Manuel has asked there <times> times
    And Anna has exactly 0 manuals in store

    Examples:
      | place                                  | reason                           | times |
      | a public site that leads on four times | nothing came from that address   | 4     |
      | a public site that has no such page    | nothing came from that address   | 1     |
      | a public site that does not exist      | nothing came from that address   | 0     |
      | a site without an address              | nothing came from that address   | 0     |
      | a packed file                          | nothing came from that address   | 1     |
      | a web page                             | files of this type are not taken | 1     |
      | a file of no type                      | files of this type are not taken | 1     |
      | a file of 60 MB                        | the file is too large            | 1     |
      | an address that is none                | the address is none              | 0     |

  @stores
  Scenario Outline: Manuel does not go to <place>
    When Anna has a manual fetched from "<place>"
    Then Anna is refused because "the address is not allowed"
    And Manuel has asked there 0 times
    And Anna has exactly 0 manuals in store

    Examples:
      | place                                     |
      | a place without encryption                |
      | a port of its own choice                  |
      | a site with a password in its address     |
      | a file on the server's disk               |
      | this machine                              |
      | this machine, as one number               |
      | this machine, by IPv6                     |
      | this machine, as IPv4 within IPv6         |
      | this machine, by its own name             |
      | the cloud's own secrets                   |
      | the inner network                         |
      | a name that means this machine            |
      | a name that means the inner network       |
      | a name that means the cloud's own secrets |
      | a name with a public and an inner address |

  @stores
  Scenario Outline: Manuel is not led to <place> either
    When Anna has a manual fetched from a public site that leads on to "<place>"
    Then Anna is refused because "the address is not allowed"
    And Manuel has not gone on from there
    And Anna has exactly 0 manuals in store

    Examples:
      | place                               |
      | this machine                        |
      | the cloud's own secrets             |
      | a name that means the inner network |
      | a place without encryption          |
