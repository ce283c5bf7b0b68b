Feature: What an answer tells a browser
  Whatever Manuel answers, an error too, it tells the browser to keep it to itself: no frames, no guessing, no copies, no
  way back to an open connection.

  Scenario Outline: An answer is safe when Anna tries to <call>
    When Anna tries to "<call>"
    Then no page may frame the answer to Anna
    And no browser guesses what the answer to Anna is
    And nobody keeps a copy of the answer to Anna
    And the answer to Anna asks for encryption from now on
    And the answer to Anna may load nothing
    And the answer to Anna tells other sites nothing

    Examples: Answers that were wanted
      | call                            |
      | ask a question                  |
      | list the manuals                |
      | upload a manual                 |
      | delete a manual                 |
      | see the quota                   |
      | see whether Manuel is up        |
      | see how its parts are           |
      | see which build it is           |
      | ask for leave to ask a question |

    Examples: Refusals
      | call                           |
      | ask nothing                    |
      | ask with a picture             |
      | upload a page that is none     |
      | upload what is no file         |
      | read a manual                  |
      | call what is not there         |
      | call in a way that is not there |

    @server
    Examples: Refusals before anything is read
      | call                        |
      | send more than anybody may  |

    @local
    Examples: What is not for people
      | call                          |
      | read the document of the calls |

  Scenario Outline: A refusal for <flaw> is as safe
    When Anna tries to "<call>" with "<flaw>"
    Then no page may frame the answer to Anna
    And no browser guesses what the answer to Anna is
    And nobody keeps a copy of the answer to Anna
    And the answer to Anna asks for encryption from now on
    And the answer to Anna may load nothing
    And the answer to Anna tells other sites nothing

    Examples:
      | call            | flaw         |
      | upload a manual | no signature |

    @direct
    Examples: What a firewall in front refuses by itself
      | call           | flaw     |
      | ask a question | no token |

  @allowlist @addresses
  Scenario: A refusal for the place is as safe
    Given Anna is at a place that is not allowed
    When Anna tries to "see the quota"
    Then no page may frame the answer to Anna
    And no browser guesses what the answer to Anna is
    And nobody keeps a copy of the answer to Anna
    And the answer to Anna asks for encryption from now on
    And the answer to Anna may load nothing

  @addresses
  Scenario: A refusal for calling too often is as safe
    Given Anna calls as often as the rate limit allows
    When Anna calls once more
    Then Anna is asked to slow down
    And no page may frame the answer to Anna
    And nobody keeps a copy of the answer to Anna
    And the answer to Anna may load nothing

  @outages
  Scenario: A failure behind Manuel is told as safely
    Given "the model is out" for Anna
    And Anna has the manual "router"
    When Anna asks the question router-01
    Then Anna is refused because "the model is out"
    And no page may frame the answer to Anna
    And no browser guesses what the answer to Anna is
    And nobody keeps a copy of the answer to Anna
    And the answer to Anna asks for encryption from now on
    And the answer to Anna may load nothing

  @local
  Scenario Outline: The page of the calls may load what is its own, and nothing else: <call>
    When Anna tries to "<call>"
    Then Anna is let in
    And no page may frame the answer to Anna
    And no browser guesses what the answer to Anna is
    And nobody keeps a copy of the answer to Anna

    Examples:
      | call                         |
      | open the script of that page |
      | open the style of that page  |

  @local
  Scenario: The page of the calls alone may load anything: its own script and style
    When Anna tries to "open the page of the calls"
    Then the answer to Anna may load its own script and style alone
    And no page may frame the answer to Anna

  Scenario: Each answer can be told apart
    When Anna tries to "see the quota"
    And Anna tries to "see the quota"
    And Anna tries to "call what is not there"
    And Anna tries to "upload a manual" with "no signature"
    Then every answer so far has a number of its own

  Scenario Outline: It is said how long it took to <call>
    When Anna tries to "<call>"
    Then the answer to Anna says how long it took

    Examples:
      | call                   |
      | ask a question         |
      | see the quota          |
      | call what is not there |
