@outages
Feature: When something behind Manuel fails
  Whatever fails behind it, Manuel says what happened in a sentence, whether trying again helps and when, and charges
  nothing. What it says never tells how it is built.

  @stores
  Scenario Outline: A question while <failure> is refused, and free
    Given Anna has the manual "router"
    And "<failure>" for Anna
    When Anna asks the question router-01
    Then Anna is refused because "<reason>"
    And Anna is told to try again soon
    When all is well again for Anna
    Then Anna is charged 0 questions
    And Anna has spent nothing

    Examples:
      | failure                  | reason                   |
      | the model is overloaded  | the model is overloaded  |
      | the model is out         | the model is out         |
      | the model fails          | the model is out         |
      | the model is not ready   | the model is overloaded  |
      | the search is overloaded | the search is overloaded |
      | the search fails         | the search is out        |
      | the model is forbidden   | the model is out         |
      | the search is gone       | the search is out        |

  @stores
  Scenario Outline: A question while <failure> is refused, not answered for free
    Given Anna is signed in
    And "<failure>" for Anna
    When Anna asks "How do I reset it?"
    Then Anna is refused because "<reason>"
    And Anna is told to try again soon
    When all is well again for Anna
    Then Anna is charged 0 questions

    Examples:
      | failure                     | reason                      |
      | the counters are overloaded | the counters are overloaded |
      | the counters fail           | the counters are out        |
      | the tables are forbidden    | the counters are out        |
      | the lists cannot be read    | the counters are out        |

  Scenario: A list that cannot be read is no empty list
    Given Anna has the manual "router"
    And "the lists cannot be read" for Anna
    When Anna lists the manuals
    Then Anna is refused because "the counters are out"
    When all is well again for Anna
    And Anna lists the manuals
    Then Anna sees 1 manual

  Scenario: Usage that cannot be read is no zero
    When Anna asks "How do I reset it?"
    Given "the tables are forbidden" for Anna
    When Anna calls once more
    Then Anna is refused because "the counters are out"
    When all is well again for Anna
    Then Anna sees 1 question used today and 1 this month

  @stores
  Scenario Outline: An upload while <failure> is refused and leaves nothing
    Given Anna is signed in
    And "<failure>" for Anna
    When Anna uploads the manual "solar"
    Then Anna is refused because "<reason>"
    When all is well again for Anna
    And Anna lists the manuals
    Then Anna sees 0 manuals
    And no file of Anna is left

    Examples:
      | failure                  | reason                   |
      | the files are overloaded | the files are overloaded |
      | the files are forbidden  | the files are out        |
      | the files fail           | the files are out        |

  Scenario: What failed for one person works for everybody else
    Given "the model is out" for Anna
    And Bert has the manual "router"
    When Bert asks the question router-01
    Then Bert gets an answer

  @stores
  Scenario: After the failure the same question is answered and charged once
    Given Anna has the manual "router"
    And "the model is out" for Anna
    When Anna asks the question router-01
    Then Anna is refused because "the model is out"
    When all is well again for Anna
    And Anna asks the question router-01
    Then Anna gets an answer
    And Anna is charged 1 question

  @alone @server
  Scenario Outline: When <part> was out for everybody and is back, questions are answered again
    Given Anna has the manual "router"
    And "<failure>" for everybody
    When Anna asks "How do I reset the router?" until Manuel leaves "<part>" alone
    When everything is there again
    Then Anna gets an answer to the question router-01 again within 30 seconds
    And Anna gets an answer to the question router-02 again within 30 seconds
    And Manuel tells Bert that all its parts are well

    Examples:
      | part       | failure          |
      | the search | the search fails |

  Scenario: Figures that cannot be read are no zero
    When Anna asks "How do I reset it?"
    Given "the lists cannot be read" for Anna
    When Anna tries to "see the quota"
    Then Anna is refused because "the counters are out"
    When Anna tries to "see the usage"
    Then Anna is refused because "the counters are out"

  @stores
  Scenario: While it cannot be told what was deleted, nothing is answered
    Given Anna has the manual "router"
    And "what was deleted cannot be read" for Anna
    When Anna asks the question router-01
    Then Anna is refused because "the counters are out"
    And Anna is charged 0 questions

  @stores
  Scenario: Who has no questions left is told so before anything is tried
    Given Anna asks until 0 questions are left today
    And Anna has the recording "router-01.wav"
    And "the transcription fails" for Anna
    When Anna asks with the recording
    Then Anna is refused because "the day's questions are used up"
    When Anna has the recording written down
    Then Anna is refused because "the day's questions are used up"
    And nothing is left of the recordings of Anna

  Scenario: Who has no questions left is told so before anything is looked for
    Given Anna asks until 0 questions are left today
    And "the search fails" for Anna
    Then Anna is refused because "the day's questions are used up" when asking "How do I reset it?"
